// What the live tab has seen: the moments of the last quarter of an hour, by column.

const KEPT = 900;
// A slider that is moved leaves one mark.
const ONE_MOVE_S = 10;

function makeMoments() {
  let seen = { at: [], rss: [], limit: [], stacks: [], cells: [], marks: [] };

  function trim() {
    const extra = seen.at.length - KEPT;
    if (extra > 0) for (const name of ["at", "rss", "limit"]) seen[name].splice(0, extra);
    seen.cells.splice(0, seen.cells.length - 100);
    seen.marks.splice(0, seen.marks.length - 40);
    // The one before the first moment still holds there.
    while (seen.stacks.length > 1 && seen.stacks[1][0] < seen.at[0]) seen.stacks.shift();
  }

  function addCells(found) {
    for (const one of found) if (!seen.cells.some((old) => old[1] === one[1])) seen.cells.push(one);
  }

  // marks: [at, what, text]
  function addMarks(found) {
    for (const mark of found) {
      const last = seen.marks.at(-1);
      if (last && last[1] === mark[1] && mark[0] - last[0] < ONE_MOVE_S) seen.marks.pop();
      seen.marks.push(mark);
    }
  }

  return {
    // Everything, from the kernel; what came while it was on its way is added again.
    replace(past) {
      seen = past;
      trim();
    },
    add(now) {
      if (now.at <= (seen.at.at(-1) ?? 0)) return;
      seen.at.push(now.at);
      seen.rss.push(now.rss);
      seen.limit.push(now.limit);
      if (now.sized !== null && now.sized !== seen.stacks.at(-1)?.[0]) {
        seen.stacks.push([now.sized, now.stack]);
      }
      addCells(now.cells);
      addMarks(now.marks);
      trim();
    },
    get first() {
      return seen.at[0];
    },
    // The moments from `since` on, with the layers' tops and sizes for each.
    from(since, keys) {
      const first = Math.max(0, seen.at.findIndex((at) => at >= since));
      const at = seen.at.slice(first);
      const rss = seen.rss.slice(first);
      return {
        at, rss, limit: seen.limit.slice(first), cells: seen.cells, marks: seen.marks,
        ...layersOf(at, rss, seen.stacks, keys),
      };
    },
  };
}

// Each part as last sized before the moment; what is over, or new since then, comes on top. The
// tops stay below the resident line; `sizes` are as measured, the last of them may be negative.
function layersOf(at, rss, stacks, keys) {
  const layers = keys.map((key) => ({ key, tops: [] }));
  const sizes = [];
  let next = 0;
  let sized = {};
  at.forEach((moment, i) => {
    while (next < stacks.length && stacks[next][0] <= moment) {
      sized = Object.fromEntries(stacks[next][1]);
      next += 1;
    }
    const most = rss[i] ?? 0;
    const sum = Object.values(sized).reduce((total, bytes) => total + bytes, 0);
    let top = 0;
    for (const layer of layers) {
      if (layer.key === "unattributed") top = most;
      else top = Math.min(most, top + Math.max(0, sized[layer.key] ?? 0));
      layer.tops.push(top);
    }
    sizes.push({ ...sized, unattributed: most - sum });
  });
  return { layers, sizes };
}
