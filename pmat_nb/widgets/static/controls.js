// Labelled controls. Each gives `element`; those with a value also `set(value)`, which never
// disturbs what the user is at: a control in use keeps what it shows.

// Beside a control: what became of its order. `say` is made for link.send.
function makeMessage() {
  const element = make("span", { class: "pmat-message", role: "status" });
  return {
    element,
    say(kind, text) {
      element.dataset.kind = kind;
      setText(element, kind === "done" && !text ? "done" : text);
      element.title = element.textContent;
    },
  };
}

function makeButton(title, onclick, attributes = {}) {
  return make("button", { type: "button", class: "pmat-button", onclick, ...attributes }, title);
}

// What comes to lie under a "Yes" is not meant by the rest of a double click on it.
const ECHO_MS = 500;
let confirmed = { at: -Infinity };

function isEcho(event) {
  // Pressed by a key.
  if (event.detail === 0) return false;
  const near = Math.hypot(event.clientX - confirmed.x, event.clientY - confirmed.y) < 12;
  const soon = performance.now() - confirmed.at < ECHO_MS;
  if (near && (soon || event.detail > 1)) return true;
  confirmed = { at: -Infinity };
  return false;
}

// A button that asks, in its own place, before `run` is called.
function makeConfirm(title, question, run, attributes = {}) {
  const ask = makeButton(title, () => show(true), attributes);
  const yes = makeButton("Yes", (event) => {
    confirmed = { at: performance.now(), x: event.clientX, y: event.clientY };
    show(false);
    run();
  });
  const no = makeButton("No", () => show(false));
  const words = make("span", { id: newId("question") }, question);
  const answers = make(
    "span",
    { class: "pmat-confirm", role: "group", "aria-labelledby": words.id, hidden: true },
    words, yes, no,
  );
  answers.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    show(false);
  });
  function show(asking) {
    const held = element.contains(document.activeElement);
    ask.hidden = asking;
    answers.hidden = !asking;
    // A narrow cell of a table leaves the question its room.
    element.parentElement?.classList.toggle("pmat-asking", asking);
    if (asking) no.focus();
    else if (held) ask.focus();
  }
  const element = make("span", { class: "pmat-asks" }, ask, answers);
  return { element, ask };
}

// choices: [[value, title], ...]
function makeSelect(label, choices, onchange) {
  const select = make("select", { class: "pmat-select", onchange: () => onchange(select.value) });
  for (const [value, title] of choices) select.append(make("option", { value }, title));
  return {
    element: make("label", { class: "pmat-field" }, make("span", {}, label), select),
    select,
    set(value) {
      if (value !== null && value !== undefined && document.activeElement !== select) {
        select.value = value;
      }
    },
  };
}

function makeCheckbox(label, onchange) {
  const box = make("input", { type: "checkbox", onchange: () => onchange(box.checked) });
  return {
    element: make("label", { class: "pmat-field pmat-check" }, box, make("span", {}, label)),
    box,
    set(value) {
      box.checked = value === true;
    },
  };
}

// A text field; the kernel reads the text and says what is wrong with it.
function makeEntry(label, onset, attributes = {}) {
  const input = make("input", {
    type: "text", class: "pmat-entry", spellcheck: "false", autocomplete: "off",
    "aria-label": label, title: label, onchange: () => onset(input.value.trim()), ...attributes,
  });
  input.addEventListener("keydown", (event) => event.stopPropagation());
  return {
    element: input,
    set(text) {
      if (input.getRootNode().activeElement !== input && input.value !== text) input.value = text;
    },
  };
}

// Stops between two bytes figures at equal ratios. `onset` hears each stop that is reached:
// at most one in SLIDE_MS while the thumb is moved, and always the last.
const SLIDE_STEPS = 120;
const SLIDE_MS = 120;

function makeBytesSlider(label, { low, high, onset }) {
  const ratio = Math.log(high / low);
  const input = make("input", {
    type: "range", class: "pmat-slider", min: 0, max: SLIDE_STEPS, step: 1, "aria-label": label,
  });
  let timer = null;
  let held = false;
  const bytes = () => roundBytes(low * Math.exp((ratio * input.value) / SLIDE_STEPS));
  const tell = () => input.setAttribute("aria-valuetext", bytesText(bytes()));
  function set() {
    timer = null;
    onset(bytes());
  }
  input.addEventListener("input", () => {
    held = true;
    tell();
    timer ??= setTimeout(set, SLIDE_MS);
  });
  input.addEventListener("change", () => {
    held = false;
    clearTimeout(timer);
    set();
  });
  return {
    element: input,
    set(value) {
      if (held || timer !== null) return;
      input.disabled = value === null;
      if (value !== null) {
        const at = (SLIDE_STEPS * Math.log(Math.max(value, low) / low)) / ratio;
        input.value = Math.min(SLIDE_STEPS, Math.round(at));
      }
      input.setAttribute("aria-valuetext", bytesText(value));
    },
    close: () => clearTimeout(timer),
  };
}

// To two digits in its unit, as a person would set it.
function roundBytes(value) {
  const unit = 1024 ** Math.floor(Math.log(value) / Math.log(1024));
  const scaled = value / unit;
  const step = scaled >= 100 ? 10 : scaled >= 10 ? 1 : 0.1;
  return Math.round(Math.round(scaled / step) * step * unit);
}
