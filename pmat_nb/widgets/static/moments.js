// What the live tab has seen: the moments of the last quarter of an hour, by column.

const KEPT = 900;

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

  function addNew(list, found, same) {
    for (const one of found) if (!list.some((old) => same(old, one))) list.push(one);
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
      addNew(seen.cells, now.cells, (a, b) => a[1] === b[1] && a[0] === b[0]);
      addNew(seen.marks, now.marks, (a, b) => a[0] === b[0] && a[1] === b[1]);
      trim();
    },
    get length() {
      return seen.at.length;
    },
    // The moments from `since` on, with the layers' tops for each.
    from(since, keys) {
      const first = Math.max(0, seen.at.findIndex((at) => at >= since));
      const at = seen.at.slice(first);
      const rss = seen.rss.slice(first);
      return {
        at, rss, limit: seen.limit.slice(first), cells: seen.cells, marks: seen.marks,
        layers: layersOf(at, rss, seen.stacks, keys),
      };
    },
  };
}

// Each part as last sized before the moment; what is over, or new since then, comes on top.
function layersOf(at, rss, stacks, keys) {
  const layers = keys.map((key) => ({ key, tops: [] }));
  let next = 0;
  let sizes = null;
  at.forEach((moment, i) => {
    while (next < stacks.length && stacks[next][0] <= moment) {
      sizes = Object.fromEntries(stacks[next][1]);
      next += 1;
    }
    const most = rss[i] ?? 0;
    let top = 0;
    for (const layer of layers) {
      if (layer.key === "unattributed") top = most;
      else top = Math.min(most, top + Math.max(0, sizes?.[layer.key] ?? 0));
      layer.tops.push(top);
    }
  });
  return layers;
}
