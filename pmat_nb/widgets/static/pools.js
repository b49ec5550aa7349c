// The pools tab: a limit for each pool, as a slider and as text, growth and policy for all, and
// what the measured use suggests. Moving a slider changes the engine at once.

const LEAST_BYTES = 1024 ** 2;

function makePools(model, link) {
  const rows = new Map();
  const say = makeMessage();
  const common = {
    pool_growth: makeSelect("Growth", [], (value) => set("pool_growth", value)),
    cache_policy: makeSelect("Eviction", [], (value) => set("cache_policy", value)),
  };
  const preview = makePreview(link);
  const titles = ["Pool", "In use", "Kept of budget", "Limit", "", "Peak", "Waste", "Growth"];
  const widths = ["13%", "11%", "18%", "17%", "11%", "10%", "8%", "12%"];
  const body = make("tbody");
  const table = make(
    "table", { class: "pmat-table pmat-pools", "aria-label": "Pools" },
    make("colgroup", {}, ...widths.map((width) => make("col", { style: `width: ${width}` }))),
    make("thead", {}, make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title)))),
    body,
  );
  const element = make(
    "div", {},
    make("div", { class: "pmat-bar" }, common.pool_growth.element, common.cache_policy.element,
      preview.button, say.element),
    preview.element,
    makeWide(table),
    make("p", { class: "pmat-quiet pmat-note" },
      "Your variables are never evicted: their limit is advice. In use and waste are as last sized, " +
      "budgets as they are now."),
  );

  function set(key, value) {
    link.send("pools setting", { key, value }, say.say);
  }

  function makeRow(row, most) {
    const cells = titles.map(() => make("td"));
    const name = row.name;
    const order = (value) => link.send("pool limit", { pool: name, value }, say.say);
    const slider = makeBytesSlider(`Limit of ${name}`, {
      low: LEAST_BYTES, high: Math.max(most, 2 * LEAST_BYTES), onset: order,
    });
    const entry = makeEntry(`Limit of ${name}: a size such as 2GB, or off`, order);
    const bar = makeBudget(name);
    cells[0].append(make("span", { title: name }, row.title));
    cells[2].append(bar.element);
    cells[3].append(slider.element);
    cells[4].append(entry.element);
    body.append(make("tr", { "data-pool": name }, ...cells));
    return { cells, slider, entry, bar };
  }

  // What the engine counts, at each moment.
  function follow() {
    for (const [name, [used, capacity, limit]] of Object.entries(model.get("live").pools ?? {})) {
      const row = rows.get(name);
      if (!row) continue;
      row.slider.set(limit);
      row.entry.set(limit === null ? "off" : bytesText(limit));
      row.bar.set(used, capacity, limit);
    }
  }

  function came({ tab, data }) {
    if (tab !== "pools") return;
    for (const row of data.rows) {
      if (!rows.has(row.name)) rows.set(row.name, makeRow(row, data.most));
      const { cells, slider, entry } = rows.get(row.name);
      setText(cells[1], `${row.least ? "≥ " : ""}${bytesText(row.used)}`);
      setText(cells[5], bytesText(row.peak));
      cells[5].title = `${bytesText(row.peak)} (${row.peak_kind})`;
      setText(cells[6], shareText(row.waste));
      setText(cells[7], row.growth ?? "n/a");
      slider.set(row.limit);
      entry.set(row.limit === null ? "off" : bytesText(row.limit));
    }
    for (const [key, { value, choices }] of Object.entries(data.settings)) {
      const { select } = common[key];
      if (!select.options.length) {
        select.append(...choices.map((choice) => make("option", { value: choice }, choice)));
      }
      common[key].set(value);
    }
    follow();
  }

  link.on("panel", came);
  model.on("change:live", follow);
  return {
    element,
    show: () => link.send("show", { tab: "pools" }, (kind, text) => kind !== "done" && say.say(kind, text)),
    close() {
      model.off("change:live", follow);
      for (const { slider } of rows.values()) slider.close();
    },
  };
}

// What is kept of the budget in force, as a bar and in words; the limit has a column of its own.
function makeBudget(name) {
  const used = make("span", { class: "pmat-used" });
  const words = make("span", { class: "pmat-words" });
  const element = make(
    "div", { class: "pmat-budget", title: "" },
    make("div", { class: "pmat-track", "aria-hidden": "true" }, used), words,
  );
  return {
    element,
    set(usedBytes, capacityBytes, limitBytes) {
      used.style.width = `${capacityBytes ? Math.min(100, (100 * (usedBytes ?? 0)) / capacityBytes) : 0}%`;
      const text = usedBytes === null
        ? "measured only" : `${bytesText(usedBytes)} of ${bytesText(capacityBytes)}`;
      setText(words, text);
      element.title = usedBytes === null ? `${name}: measured, not managed`
        : `${name}: ${bytesText(usedBytes)} kept, ${bytesText(capacityBytes)} budget in force, ` +
          `${limitBytes === null ? "no limit" : `${bytesText(limitBytes)} limit`}`;
    },
  };
}

// What the measured use suggests, before and after; applied only when it is asked for.
function makePreview(link) {
  const say = makeMessage();
  const list = make("tbody");
  const apply = makeButton("Apply", () => {
    apply.disabled = true;
    link.send("pools apply", {}, (kind, text) => {
      say.say(kind, text);
      if (kind === "waits") return;
      hide();
      button.focus();
    });
  });
  const found = make(
    "div", { hidden: true },
    make("table", { class: "pmat-table pmat-preview", "aria-label": "Suggested budgets" },
      make("thead", {}, make("tr", {}, ...["What", "Before", "After", "Why"].map(
        (title) => make("th", { scope: "col" }, title)))),
      list),
    make("div", { class: "pmat-bar" }, apply, makeButton("Leave as it is", () => {
      hide();
      say.say("", "");
      button.focus();
    })),
  );
  const element = make("div", { class: "pmat-suggested" }, say.element, found);
  const button = makeButton("Optimise…", () => {
    link.send("pools preview", {}, (kind, text, data) => {
      say.say(kind, kind === "done" && !text ? "Suggested by the measured use:" : text);
      if (kind !== "done") return;
      list.replaceChildren(...data.changes.map((row) => make(
        "tr", {}, ...["what", "before", "after", "why"].map(
          (key) => make("td", { title: row[key] }, row[key])),
      )));
      apply.disabled = false;
      found.hidden = data.changes.length === 0;
      if (!found.hidden) apply.focus();
    });
  });
  function hide() {
    found.hidden = true;
  }
  return { element, button };
}

TABS.pools = makePools;
