// The variables tab: what each holds, why it is alive, to disk and back, and away.

function makeVariables(model, link) {
  const message = makeMessage();
  const say = telling(model, message);
  const summary = make("span", {});
  const asOf = make("span", { class: "pmat-quiet" });
  const more = make("p", { class: "pmat-quiet pmat-note" });
  const why = makeWhy();
  const table = makeTable({
    label: "Variables",
    keyOf: (row) => row.name,
    sort: ["retained", "descending"],
    columns: [
      { key: "name", title: "Variable", width: "14%" },
      { key: "retained", title: "Retained", width: "11%", kind: "bytes",
        text: (row) => lowerText(row.retained, !row.complete), hint: sizeHint },
      { key: "shared", title: "Shared", width: "9%", kind: "bytes" },
      { key: "type", title: "Type", width: "9%" },
      { key: "detail", title: "Detail", width: "12%" },
      { key: "held", title: "Held by", width: "11%" },
      { key: "unused", title: "Used", width: "10%", kind: "count", text: usedText, hint: usedHint },
    ],
    actions,
    actionsWidth: "24%",
    empty: "No variables yet: run a cell that binds one.",
  });
  const parked = makeList("Parked on disk", [
    ["Variable", "20%"], ["Type", "13%"], ["On disk", "10%", "bytes"], ["Since", "12%"],
    ["File", "23%"], ["Actions", "22%"],
  ]);
  const refresh = makeButton("Refresh", () => link.send("variables size", {}, say), {
    title: "Size all variables again; waits until no cell runs",
  });
  const reading = makeReading("variables", model, link, came);
  const element = make(
    "div", { class: "pmat-variables" },
    make("div", { class: "pmat-bar" }, summary, refresh, reading.status, message.element),
    make("p", {}, asOf),
    table.element, more, why.element, parked.element,
  );

  function actions(now, row) {
    const remove = makeConfirm("Delete", "Delete it?", () => {
      link.send("variables delete", { name: now().name, confirmed: true }, say);
    }, { "aria-label": `Delete ${row.name}` });
    return [
      makeButton("Why", () => ask(now().name), { "aria-label": `Why is ${row.name} alive?` }),
      makeButton("Park", () => link.send("variables park", { name: now().name }, say), {
        "aria-label": `Park ${row.name} on disk`,
        title: "Write it to disk and delete its names; it can be brought back",
      }),
      remove.element,
    ];
  }

  function parkedActions({ key, names }) {
    const discard = makeConfirm("Discard", "For good?", () => {
      link.send("variables discard", { key, confirmed: true }, say);
    }, { "aria-label": `Discard ${names}` });
    const back = makeButton("Bring back", () => link.send("variables back", { key }, say), {
      "aria-label": `Bring back ${names}`,
    });
    return make("span", { class: "pmat-actions" }, back, discard.element);
  }

  function ask(name) {
    link.send("variables why", { name }, (kind, text, data) => {
      say(kind === "done" ? "" : kind, text);
      if (kind === "done") why.open(`Why ${name} is alive`, data.why);
    });
  }

  function came(data) {
    const number = `${countText(data.total)} ${data.total === 1 ? "variable" : "variables"}`;
    setText(summary, `${number}, ${lowerText(data.retained, !data.complete)} retained`);
    const stopped = data.complete ? "" : data.sizing;
    setText(asOf, [asOfText(data), stopped].filter(Boolean).join(" · "));
    setText(more, data.more.join(" · "));
    table.update(data.rows);
    parked.update(data.parked.map((one) => [
      one.names, one.type, bytesText(one.stored), shortMomentText(one.saved), one.path,
      parkedActions(one),
    ]));
  }

  return { element, show: reading.show, close: reading.close };
}

function sizeHint(row) {
  const notes = [`${bytesText(row.retained)} would be freed with it`];
  if (!row.complete) notes.push("a lower bound: the time for sizing was up");
  if (row.device) notes.push(`${bytesText(row.device)} on the device`);
  return notes.join("; ");
}

// Bound in one cell, and mentioned last so many cells ago.
function usedText({ bound, unused }) {
  if (unused === null) return bound ?? "n/a";
  return unused ? `${unused} cell${unused === 1 ? "" : "s"} ago` : "now";
}

function usedHint({ bound, unused }) {
  const last = unused === null ? "last use unknown" : `not used in the last ${unused} cells`;
  return `${bound ? `bound in ${bound}` : "bound where is unknown"}; ${last}`;
}

// A text below the table, closed by its button or Escape; the focus goes back where it was.
function makeWhy() {
  const title = make("h4", { id: newId("why") });
  const text = make("pre", { tabindex: 0 });
  let before = null;
  const element = make(
    "section", { class: "pmat-why", hidden: true, "aria-labelledby": title.id },
    make("div", { class: "pmat-bar" }, title, makeButton("Close", close)), text,
  );
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  function close() {
    element.hidden = true;
    before?.focus();
  }
  return {
    element,
    open(heading, found) {
      before = element.getRootNode().activeElement;
      setText(title, heading);
      setText(text, found);
      element.hidden = false;
      text.focus();
    },
  };
}

TABS.variables = makeVariables;
