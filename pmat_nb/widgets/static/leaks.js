// The leaks tab: cells that keep more on every run, and the last report of a tracked run.

const STATES = {
  suspect: "suspect",
  unchecked: "suspect, not checked yet",
  kept: "kept in its own variables",
  garbage: "garbage, freed later",
};

function makeLeaks(model, link) {
  const headline = make("p", { class: "pmat-headline" });
  const next = make("p", { class: "pmat-quiet" });
  const lastHead = make("p", { class: "pmat-headline" });
  const notes = make("p", { class: "pmat-quiet pmat-note" });
  const reading = makeReading("leaks", model, link, came);
  const suspects = makeTable({
    label: "Cells whose memory grows",
    keyOf: (row) => `${row.cell} ${row.line}`,
    sort: ["rate", "descending"],
    columns: [
      { key: "cell", title: "Cell", width: "12%" },
      { key: "state", title: "State", width: "19%", text: (row) => STATES[row.state] ?? row.state },
      { key: "rate", title: "Per run", width: "10%", kind: "bytes",
        hint: (row) => `${bytesText(row.low)} to ${bytesText(row.high)} a run, by ${row.counter}` },
      { key: "runs", title: "Runs", width: "7%", kind: "count" },
      { key: "confidence", title: "Confidence", width: "12%", kind: "share", text: confidence },
      { key: "kept", title: "Kept by", width: "16%" },
      { key: "line", title: "First line", width: "24%" },
    ],
    empty: "No cell is suspected. Cells that run again are watched by themselves.",
  });
  const last = makeTable({
    label: "The last leak report",
    keyOf: (row) => row.key,
    sort: ["key", "ascending"],
    columns: [
      { key: "key", title: "№", width: "6%", text: (row) => String(Number(row.key) + 1) },
      { key: "verdict", title: "Verdict", width: "9%" },
      { key: "confidence", title: "Confidence", width: "12%", kind: "share", text: confidence },
      { key: "site", title: "Site", width: "13%",
        hint: (row) => [row.site, row.source].filter(Boolean).join("  ") },
      { key: "rate", title: "Per run", width: "9%", kind: "bytes" },
      { key: "retained", title: "Kept in all", width: "10%", kind: "bytes" },
      { key: "kept", title: "Kept by", width: "18%" },
      { key: "fix", title: "Fix", width: "23%" },
    ],
    empty: "It has no rows.",
  });
  const lastPart = make("div", { hidden: true }, lastHead, last.element, notes);
  const element = make(
    "div", { class: "pmat-leaks" },
    make("div", { class: "pmat-bar" }, headline, reading.status), suspects.element, next, lastPart,
  );

  function came(data) {
    setText(headline, data.headline);
    suspects.update(data.suspects);
    next.replaceChildren(...nextWords(data));
    lastPart.hidden = data.last === null;
    if (data.last === null) return;
    setText(lastHead, `last report: ${data.last.headline}`);
    last.update(data.last.rows);
    setText(notes, data.last.notes.join(" · "));
  }

  return { element, show: reading.show, close: reading.close };
}

function nextWords(data) {
  if (data.tracking) {
    return words("a run is being tracked; its report comes with", ["%pmat_leaks stop"]);
  }
  const ran = `${countText(data.watched)} cell${data.watched === 1 ? "" : "s"} run again so far.`;
  return words(ran, "To find the line: write", ["%%pmat_leaks --repeat 20"], "above a cell, or",
    ["%pmat_leaks start"], "and run it again a few times, then", ["%pmat_leaks stop"]);
}

function confidence(row) {
  return row.confidence === null ? "n/a" : row.confidence.toFixed(2);
}

TABS.leaks = makeLeaks;
