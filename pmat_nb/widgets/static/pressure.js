// The pressure tab: where levels begin, what is done at each, and trying it without doing it.

const NAMED = { low: "LOW up to", medium: "MEDIUM up to", high: "CRITICAL from" };

function makePressure(model, link) {
  const say = makeMessage();
  const headline = make("p", { class: "pmat-headline" });
  const notes = make("p", { class: "pmat-quiet pmat-note" });
  const sliders = new Map();
  const fields = make("div", { class: "pmat-bounds", role: "group", "aria-label": "Thresholds" });
  const chart = makePressureChart();
  const auto = makeCheckbox("Respond by itself", (on) => link.send("pressure respond", { on }, say.say));
  const plans = makeList("What is done at each level", [
    ["Level", "12%"], ["From", "8%", "count"], ["Responses", "60%"], ["Set by", "20%"],
  ]);
  const steps = makeList("Simulated", [
    ["Step", "18%"], ["State", "10%"], ["Expected", "12%", "bytes"], ["Came back", "12%", "bytes"],
    ["", "48%"],
  ]);
  const runs = makeList("Responses so far, the last first", [
    ["When", "18%"], ["Level", "14%"], ["Came back", "12%", "bytes"], ["Steps", "56%"],
  ]);
  const level = makeSelect("Simulate", [], () => steps.update([]));
  const tried = makeMessage();
  const tell = telling(model, tried);
  const shown = makeButton("Show what it would do", () => simulate(false));
  const carried = makeConfirm("Do it…", "Carry the responses out now?", () => simulate(true));
  const reading = makeReading("pressure", model, link, came);
  const element = make(
    "div", { class: "pmat-pressure" },
    make("div", { class: "pmat-bar" }, headline, reading.status),
    chart.element, fields,
    make("div", { class: "pmat-bar" }, auto.element), make("div", { class: "pmat-line" }, say.element),
    plans.element,
    make("div", { class: "pmat-bar pmat-above" }, level.element, shown, carried.element, tried.element),
    steps.element, runs.element, notes,
  );

  function simulate(confirmed) {
    link.send("pressure simulate", { level: level.select.value, confirmed }, (kind, text, data) => {
      tell(kind, text);
      if (kind === "done") steps.update(data.steps.map(stepRow));
    });
  }

  function came(data) {
    const share = data.fraction === null ? "n/a" : fractionText(data.fraction);
    const parts = Object.entries(data.parts).filter(([, value]) => value !== null).map(
      ([name, value]) => `${name} ${name === "psi" ? `${value.toFixed(1)}%` : fractionText(value)}`);
    setText(headline, `pressure ${data.level ?? "n/a"} ${share} · ${parts.join(", ")}`);
    for (const [name, value, least, most] of data.bounds) {
      if (!sliders.has(name)) {
        const made = makeFraction(name, NAMED[name], least, most, (bound) =>
          link.send("pressure bound", { bound: name, value: bound }, (kind, text) => {
            say.say(kind, text);
            // What was refused is shown as it still is.
            if (kind === "refused") reading.show();
          }));
        sliders.set(name, made);
        fields.append(made.element);
      }
      sliders.get(name).set(value);
    }
    auto.set(data.auto);
    if (!level.select.options.length) {
      level.select.append(...data.levels.map((one) => make("option", { value: one }, one)));
      level.select.value = data.levels.at(-1);
    }
    plans.update(data.plans.map((plan) => [
      plan.level, fractionText(plan.enter),
      plan.steps.map((step) => step.action).join(", ") || "nothing",
      plan.source === "default" ? "" : plan.source,
    ]));
    runs.update(data.runs.map((run) => [
      momentText(run.at), run.level + (run.simulated ? " (simulated)" : ""), bytesText(run.freed),
      run.steps.map((step) => `${step.action} ${step.state}`).join(", "),
    ]));
    setText(notes, [...data.notes, data.exits ? "" : "exit_gracefully ends the cell, not the kernel."]
      .filter(Boolean).join(" · "));
    chart.draw(data, model.get("hues"));
  }

  function close() {
    reading.close();
    for (const slider of sliders.values()) slider.close();
  }

  return { element, show: reading.show, close };
}

function stepRow(step) {
  const bytes = (value) => (value === null ? "" : bytesText(value));
  return [step.action, step.state, bytes(step.estimated), bytes(step.freed), step.note];
}

// Cut, not rounded, to agree with its level.
function fractionText(value) {
  return (Math.floor(value * 100 + 1e-9) / 100).toFixed(2);
}

function makeFraction(name, title, least, most, onset) {
  const shown = make("output", {});
  const input = make("input", {
    type: "range", class: "pmat-slider", min: least, max: most, step: 0.01, "aria-label": `${title}`,
    "data-bound": name,
  });
  let held = false;
  let timer = null;
  input.addEventListener("input", () => {
    held = true;
    setText(shown, fractionText(Number(input.value)));
  });
  input.addEventListener("change", () => {
    held = false;
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = null;
      onset(Number(input.value));
    }, SLIDE_MS);
  });
  return {
    element: make("label", { class: "pmat-bound" }, make("span", {}, title), input, shown),
    set(value) {
      if (held || timer !== null) return;
      input.value = value;
      input.setAttribute("aria-valuetext", fractionText(value));
      setText(shown, fractionText(value));
    },
    close: () => clearTimeout(timer),
  };
}

// The last quarter of an hour as a line, with the levels' bounds named at the right.
function makePressureChart() {
  const [height, left, right] = [132, 8, 100];
  const svg = makeSvg("svg", {
    class: "pmat-chart", role: "img", height, "aria-label": "Pressure over the last 15 minutes",
  });
  const element = make("div", { class: "pmat-small" }, svg);
  function draw({ samples, plans, at }, hues) {
    const span = 900;
    const width = Math.max(320, Math.round(element.clientWidth));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const x = (moment) => left + (width - left - right) * (1 - (at - moment) / span);
    const y = (fraction) => height - 18 - (height - 26) * Math.min(1, fraction);
    const levels = plans.map((plan) => [plan.level, plan.enter]);
    const bands = levels.flatMap(([name, enter], i) => {
      const top = y(levels[i + 1]?.[1] ?? 1);
      return [
        makeSvg("rect", { x: left, y: top, width: width - left - right, height: y(enter) - top,
          fill: hues[name] ?? "gray", class: "pmat-level" }),
        makeSvg("text", { x: width - right + 6, y: y(enter) - 2 }, `${name} ${fractionText(enter)}`),
      ];
    });
    const points = samples.map(([moment, fraction]) => `${x(moment).toFixed(1)} ${y(fraction).toFixed(1)}`);
    const ends = [["−15 min", left, "start"], ["now", width - right, "end"]];
    svg.replaceChildren(
      ...bands,
      ...ends.map(([text, place, anchor]) =>
        makeSvg("text", { x: place, y: height - 4, "text-anchor": anchor }, text)),
      makeSvg("path", { class: "pmat-rss", d: points.length ? `M${points.join("L")}` : "" }),
    );
    svg.setAttribute("aria-label", spoken(samples));
  }
  function spoken(samples) {
    if (!samples.length) return "No pressure was sampled yet";
    const all = samples.map(([, fraction]) => fraction);
    return `Pressure over the last 15 minutes: from ${fractionText(Math.min(...all))} to ` +
      `${fractionText(Math.max(...all))}, last ${fractionText(all.at(-1))}`;
  }
  return { element, draw };
}

TABS.pressure = makePressure;
