// The recommendations tab: what would save memory, each proven; applied and taken back here.

const DONE = {
  done: "applied", undone: "taken back", failed: "failed", changed: "not applied", yours: "not applied",
  left: "not taken back",
};

function makeRecommendations(model, link) {
  const message = makeMessage();
  const say = telling(model, message);
  const lossy = makeCheckbox("Also lossy ones", () => {});
  const summary = make("p", { class: "pmat-headline" });
  const notes = make("p", { class: "pmat-quiet pmat-note" });
  const list = make("ol", { class: "pmat-advice", "aria-label": "Recommendations" });
  const empty = make("p", { class: "pmat-empty" });
  const undo = makeButton("Take back", () => send("recommend undo", { undos: seen.undos }));
  const next = make("span", { class: "pmat-quiet pmat-cut" });
  const undoing = make("div", { class: "pmat-bar", hidden: true }, undo, next);
  const done = makeList("Done so far, the last first", [
    ["What", "40%"], ["State", "12%"], ["Estimated", "12%", "bytes"],
    ["Measured", "12%", "bytes"], ["", "24%"],
  ]);
  const look = makeButton("Look for savings", () => {
    look.disabled = true;
    send("recommend list", { lossy: lossy.box.checked });
  }, { title: "Try what could save memory, for up to 10 s; nothing is changed" });
  const reading = makeReading("recommendations", model, link, came);
  const element = make(
    "div", { class: "pmat-recommendations" },
    make("div", { class: "pmat-bar" }, look, lossy.element, message.element, reading.status),
    summary, make("div", { class: "pmat-scroll pmat-cards", tabindex: 0, role: "region",
      "aria-label": "Recommendations" }, list, empty),
    notes, undoing, done.element,
  );
  let seen = { listing: null, undos: 0 };
  let cards = [];

  function send(order, values) {
    link.send(order, values, (kind, text) => {
      if (kind !== "waits") look.disabled = false;
      say(kind, text);
    });
  }

  // What a row says does not change, what became of it does.
  function makeCard(row, listing) {
    const values = { row: row.row, listing };
    const harmless = row.risk === "none" && row.undo;
    const label = { "aria-label": `Apply row ${row.row}: ${row.what}` };
    const apply = harmless
      ? makeButton("Apply", () => send("recommend apply", values), label)
      : makeConfirm("Apply", row.undo ? "Apply it?" : "It cannot be undone. Apply it?",
        () => send("recommend apply", { ...values, confirmed: true }), label).element;
    const back = makeButton("Take back", () => send("recommend undo", { undos: seen.undos }),
      { "aria-label": `Take back row ${row.row}: ${row.what}` });
    const state = make("p", { class: "pmat-outcome" });
    const facts = [
      row.risk === "none" ? "no risk" : `risk: ${row.risk}`, row.basis,
      row.applies ? row.note || (row.undo ? "can be undone" : "cannot be undone") : "for you to write",
      row.where,
    ];
    const element = make(
      "li", { "data-row": row.row, tabindex: -1 },
      make("div", { class: "pmat-cardhead" },
        make("b", { class: "pmat-saving" }, row.estimated === null ? "n/a" : `−${bytesText(row.estimated)}`),
        make("span", { class: "pmat-cut", title: row.what }, row.what), apply, back),
      state,
      make("p", {}, row.why),
      make("p", { class: "pmat-quiet" }, facts.filter(Boolean).join(" · ")),
      make("pre", { tabindex: 0, "aria-label": `Code of row ${row.row}` }, row.action),
    );
    function update(now) {
      const held = element.getRootNode().activeElement;
      apply.hidden = !now.applies || Boolean(now.done || now.settled);
      back.hidden = now.back !== "next";
      state.hidden = !(now.done || now.settled);
      element.dataset.done = now.settled ? "other" : now.done ? "own" : "";
      setText(state, outcome(now));
      // What was pressed is hidden by now.
      if (element.contains(held) && held.closest("[hidden]")) (back.hidden ? element : back).focus();
    }
    return { element, update };
  }

  function came(data) {
    // A list that is there already keeps its open questions and the focus.
    if (data.listing !== seen.listing) {
      cards = data.rows.map((row) => makeCard(row, data.listing));
      list.replaceChildren(...cards.map((card) => card.element));
    }
    data.rows.forEach((row, at) => cards[at].update(row));
    seen = data;
    setText(summary, data.summary);
    setText(empty, data.listing
      ? "Nothing was found that would save memory and keep what you have."
      : "Nothing was looked for yet: “Look for savings” tries what could save memory.");
    empty.hidden = data.rows.length > 0;
    setText(notes, (data.notes ?? []).join(" · "));
    undoing.hidden = data.undos === 0;
    setText(next, data.next ?? "");
    next.title = data.next ?? "";
    done.update(data.runs.flatMap((run) => run.rows.map((one) => [
      one.what, DONE[one.state] ?? one.state, bytesText(one.estimated), measured(one), one.why,
    ])));
  }

  return { element, show: reading.show, close: reading.close };
}

// Of a row that is done, or settled by another: what came of it, and the way back.
function outcome({ done, settled, back, undo }) {
  if (settled) return `not both can be had: row ${settled}, about the same data, is applied`;
  if (!done) return "";
  const freed = done.measured === null ? "what came back cannot be measured here"
    : done.measured < 0 ? `took ${bytesText(-done.measured)}` : `${bytesText(done.measured)} came back`;
  const ways = { next: "", later: "; to be taken back after what was applied later" };
  return `✓ applied: ${freed}${ways[back] ?? (undo ? "" : "; cannot be taken back")}`;
}

function measured({ state, measured: bytes }) {
  if (state !== "done" && state !== "undone") return "";
  if (bytes === null) return "n/a";
  return bytes < 0 ? `took ${bytesText(-bytes)}` : bytesText(bytes);
}

TABS.recommendations = makeRecommendations;
