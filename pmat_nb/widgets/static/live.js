// The live tab: the headline, the chart, what it says where the pointer or the arrow keys
// are, and the parts with their sizes. Every figure in the picture is there as text too.

const SPANS = [["auto", "all"], [60, "1 min"], [300, "5 min"], [900, "15 min"]];
const LENGTHS_S = [60, 300, 900];
const SPOKEN_EVERY_MS = 20000;

function makeLive(model, link) {
  const moments = makeMoments();
  const prefix = newId("layer");
  const headline = make("p", { class: "pmat-headline" });
  const spoken = make("p", { class: "pmat-hidden", role: "status" });
  const readout = make("p", { class: "pmat-readout", "aria-live": "off" });
  const legend = make("ul", { class: "pmat-legend", "aria-label": "Parts of the memory" });
  const svg = makeSvg("svg", { class: "pmat-chart", "aria-hidden": "true", height: CHART.height });
  const cursor = make("div", { class: "pmat-cursor", hidden: true });
  const frame = make("div", {
    class: "pmat-frame", tabindex: 0, role: "group", "aria-roledescription": "chart",
    "aria-label": "Memory over time. Left and right arrows read it.",
    onpointermove: pointed, onpointerleave: () => look(null), onkeydown: pressed,
    onblur: () => look(null),
  }, svg, cursor);
  const span = makeSelect("Show the last", SPANS, () => draw());
  const sizing = makeMessage();
  const bar = make(
    "div", { class: "pmat-bar" }, span.element,
    makeButton("Size now", () => link.send("size", {}, sizing.say), {
      title: "Measure all variables and caches; waits until no cell runs",
    }),
    sizing.element,
  );
  const element = make("div", { class: "pmat-live" }, headline, spoken, bar, frame, readout, legend);
  let now = model.get("live");
  let heard = performance.now();
  let data = null;
  let box = null;
  let looked = null;
  let told = { at: 0, text: "" };

  function draw() {
    if (now.rss === undefined || element.offsetParent === null) return;
    const keys = model.get("parts").map(([key]) => key);
    const span_s = spanSeconds();
    data = moments.from(now.at - span_s, keys.length ? keys : ["unattributed"]);
    Object.assign(data, { bounds: now.bounds, now: now.at, span_s, running: now.running });
    const width = Math.max(320, Math.round(frame.clientWidth));
    box = drawChart(svg, data, model.get("parts"), prefix, width, model.get("hues"));
    drawLegend();
    read();
  }

  // Of "all" the shortest in which there is room for what is known.
  function spanSeconds() {
    if (span.select.value !== "auto") return Number(span.select.value);
    const known = now.at - (moments.first ?? now.at);
    return LENGTHS_S.find((one) => known <= one) ?? LENGTHS_S.at(-1);
  }

  function drawLegend() {
    const parts = model.get("parts");
    if (legend.childElementCount !== parts.length) {
      legend.replaceChildren(...parts.map(([key, title, hue], at) => make(
        "li", { "data-part": key }, swatch(hue, at), make("span", {}, title), make("b")),
      ));
    }
    const sizes = data.sizes.at(-1) ?? {};
    parts.forEach(([key], at) => {
      setText(legend.children[at].querySelector("b"), bytesText(sizes[key]));
    });
  }

  function swatch(hue, at) {
    return makeSvg("svg", { width: 14, height: 14, "aria-hidden": "true" },
      makeSvg("rect", { width: 14, height: 14, fill: hue }),
      makeSvg("path", { d: patternOf(at), class: "pmat-hatch", transform: "translate(3 3)" }));
  }

  function head() {
    if (now.rss === undefined) return;
    const silent = performance.now() - heard > SILENT_MS;
    const limit = now.limit === null ? "no limit" : `${bytesText(now.limit)}`;
    const held = now.tree > now.rss ? ` (${bytesText(now.tree)} with children)` : "";
    const parts = [
      `kernel ${bytesText(now.rss)}${held} of ${limit}`,
      `${now.level ?? "level n/a"} ${now.fraction === null ? "" : now.fraction.toFixed(2)}`.trim(),
    ];
    if (now.running) parts.push(`${now.running[0]} runs for ${secondsText(now.at - now.running[1])}`);
    if (now.sized !== null) parts.push(`parts as sized ${secondsText(now.at - now.sized)} ago`);
    if (silent) parts.push("no news from the kernel");
    setText(headline, parts.join(" · "));
    headline.dataset.level = now.level ?? "";
    speak(`${parts[0]}, ${parts[1]}`);
  }

  // For screen readers: now and then, and at once where the level is another.
  function speak(text) {
    const elapsed = performance.now() - told.at;
    if (told.at && now.level === told.level && elapsed < SPOKEN_EVERY_MS) return;
    told = { at: performance.now(), level: now.level };
    setText(spoken, text);
  }

  function pointed(event) {
    if (!data?.at.length || event.buttons) return;
    const share = event.clientX - frame.getBoundingClientRect().left;
    const distance = (i) => Math.abs(box.x(data.at[i]) - share);
    let nearest = 0;
    for (let i = 1; i < data.at.length; i += 1) if (distance(i) < distance(nearest)) nearest = i;
    look(data.at[nearest]);
  }

  function pressed(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || !data?.at.length) return;
    event.preventDefault();
    event.stopPropagation();
    const here = looked === null ? data.at.length - 1 : data.at.findIndex((at) => at >= looked);
    const to = Math.max(0, Math.min(data.at.length - 1, here + steps[event.key]));
    readout.setAttribute("aria-live", "polite");
    look(data.at[to]);
  }

  function look(at) {
    looked = at;
    if (at === null) readout.setAttribute("aria-live", "off");
    read();
  }

  // The moment looked at, else the last: all of its figures in one line.
  function read() {
    if (!data?.at.length) return;
    const found = looked === null ? -1 : data.at.findIndex((at) => at >= looked);
    const i = found < 0 ? data.at.length - 1 : found;
    cursor.hidden = looked === null || found < 0;
    cursor.style.left = `${box.x(data.at[i]).toFixed(1)}px`;
    const cell = data.cells.find(([, from, to]) => from <= data.at[i] && data.at[i] <= to + 1);
    const parts = model.get("parts").map(([key, title]) => [title, data.sizes[i][key] ?? 0]);
    const large = parts.filter(([, bytes]) => bytes >= 0.01 * data.rss[i]);
    const ago = now.at - data.at[i];
    setText(readout, [
      ago < 1 ? "now" : `${secondsText(ago)} ago`,
      bytesText(data.rss[i]),
      ...large.map(([title, bytes]) => `${title} ${bytesText(bytes)}`),
      ...(cell ? [cell[0]] : []),
    ].join(" · "));
    readout.title = readout.textContent;
  }

  function updated() {
    now = model.get("live");
    heard = performance.now();
    moments.add(now);
    head();
    draw();
  }

  function came({ data: past }) {
    moments.replace(structuredClone(past));
    if (now.rss !== undefined) moments.add(now);
    draw();
  }

  const observer = new ResizeObserver(() => draw());
  observer.observe(frame);
  const watch = setInterval(head, 5000);
  model.on("change:live", updated);
  link.on("past", came);
  link.send("past");
  if (now.rss !== undefined) updated();
  return {
    element,
    show: draw,
    close() {
      observer.disconnect();
      clearInterval(watch);
      model.off("change:live", updated);
    },
  };
}

TABS.live = makeLive;
