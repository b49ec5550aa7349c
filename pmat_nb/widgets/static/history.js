// The history tab: what cells cost, where running them again leads, sessions and deaths.

function makeHistory(model, link) {
  const headline = make("p", { class: "pmat-headline" });
  const forecasts = make("ul", { class: "pmat-lines", "aria-label": "Forecast" });
  const deaths = make("ul", { class: "pmat-lines", "aria-label": "Deaths of kernels" });
  const problems = make("p", { class: "pmat-quiet pmat-note" });
  const reading = makeReading("history", model, link, came);
  const cells = makeTable({
    label: "Runs of cells",
    keyOf: (row) => row.key,
    sort: ["at", "descending"],
    columns: [
      { key: "at", title: "When", width: "13%", kind: "moment",
        text: (row) => shortMomentText(row.at), hint: (row) => momentText(row.at) },
      { key: "label", title: "Cell", width: "8%",
        hint: (row) => `${row.label}, ${row.own ? "of this kernel" : "of an earlier kernel"}` },
      { key: "own", title: "Kernel", width: "8%", text: (row) => (row.own ? "this" : "earlier") },
      { key: "growth", title: "Growth", width: "10%", kind: "bytes", text: (row) => signedText(row.growth) },
      { key: "after", title: "After", width: "9%", kind: "bytes" },
      { key: "peak", title: "Peak", width: "11%", kind: "bytes",
        text: (row) => lowerText(row.peak, row.sampled),
        hint: (row) => `${bytesText(row.peak)}, ${row.sampled ? "sampled: a lower bound" : "exact"}` },
      { key: "took", title: "Took", width: "8%", kind: "seconds" },
      { key: "failed", title: "Ended", width: "7%", text: (row) => (row.failed ? "failed" : "") },
      { key: "line", title: "First line", width: "26%" },
    ],
    empty: "No runs are recorded yet: each cell that runs is entered here.",
  });
  const sessions = makeList("Sessions, the last first", [
    ["Started", "22%"], ["Lasted", "12%", "seconds"], ["Cells", "10%", "count"],
    ["Peak", "14%", "bytes"], ["Limit", "14%", "bytes"], ["Ended", "28%"],
  ]);
  const element = make(
    "div", { class: "pmat-history" },
    make("div", { class: "pmat-bar" }, headline, reading.status),
    cells.element,
    make("h4", {}, "Forecast"), forecasts, sessions.element,
    make("h4", {}, "Deaths of this notebook's kernels"), deaths, problems,
  );

  function came(data) {
    const runs = `${countText(data.total)} run${data.total === 1 ? "" : "s"} of cells recorded`;
    const shown = data.cells.length < data.total ? `, the last ${data.cells.length} here` : "";
    setText(headline, runs + shown);
    cells.update(data.cells);
    lines(forecasts, data.forecasts, "No trend: no cell has run more than once.");
    lines(deaths, data.deaths.map(([at, text]) => `${momentText(at)}  ${text}`), "None is recorded.");
    sessions.update(data.sessions.map((one) => [
      momentText(one.at), secondsText(one.lasted), countText(one.cells), bytesText(one.peak),
      bytesText(one.limit), one.ended,
    ]));
    setText(problems, data.problems.join(" · "));
  }

  return { element, show: reading.show, close: reading.close };
}

function lines(list, texts, otherwise) {
  list.replaceChildren(...(texts.length ? texts : [otherwise]).map((text) => make("li", {}, text)));
}

TABS.history = makeHistory;
