// Figures as text: bytes in powers of 1024, unknown as n/a. No page, no state.

const UNITS = ["B", "kB", "MB", "GB", "TB"];

function bytesText(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "n/a";
  let scaled = Math.abs(value);
  let unit = 0;
  while (scaled >= 1000 && unit < UNITS.length - 1) {
    scaled /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  return `${value < 0 ? "−" : ""}${scaled.toFixed(digits)} ${UNITS[unit]}`;
}

function shareText(value) {
  return value === null || value === undefined ? "n/a" : `${Math.round(value * 100)}%`;
}

function secondsText(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "n/a";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 90) return `${Math.round(value)} s`;
  if (value < 5400) return `${Math.round(value / 60)} min`;
  return `${(value / 3600).toFixed(1)} h`;
}

function countText(value) {
  return value === null || value === undefined ? "n/a" : value.toLocaleString("en-US");
}
