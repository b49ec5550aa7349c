// Small elements of the page, made with textContent alone: no text of the user's is markup.

// Each tab's file enters what makes it: (model, link) -> { element, show(), close() }.
// `show` is called whenever the tab comes into sight, `close` when the widget goes.
const TABS = {};

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value);
    }
  }
  element.append(...children);
  return element;
}

function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Sets text only where it differs: readers and selections are left alone.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// What scrolls sideways fades where more of it is out of sight.
function fade(scroller) {
  const look = () => {
    const room = scroller.scrollWidth - scroller.clientWidth;
    scroller.toggleAttribute("data-more", scroller.scrollLeft < room - 1);
  };
  scroller.addEventListener("scroll", look, { passive: true });
  const observer = new ResizeObserver(look);
  for (const one of [scroller, ...scroller.children]) observer.observe(one);
  return scroller;
}

// A table where there may be less room than it needs.
function makeWide(table) {
  return fade(make("div", { class: "pmat-wide" }, table));
}

let lastId = 0;

// An id for labels and descriptions, one of its kind on the page.
function newId(kind) {
  lastId += 1;
  return `pmat-${kind}-${lastId}-${Math.random().toString(36).slice(2, 8)}`;
}
