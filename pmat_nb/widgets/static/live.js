// The live tab: what the kernel holds now.

function makeLive(model, link) {
  const headline = make("p", { class: "pmat-headline", role: "status" });
  const element = make("div", {}, headline);

  function draw() {
    const now = model.get("live");
    if (now.rss === undefined) return;
    headline.textContent = `kernel ${bytesText(now.rss)} of ${bytesText(now.limit)} · ${now.level ?? "n/a"}`;
  }
  model.on("change:live", draw);
  draw();
  return { element, close: () => model.off("change:live", draw), show: () => {} };
}

TABS.live = makeLive;
