// Which jobs a state shows, and how many of each group. Jobs of one kind share their fate, so kinds
// are filtered and counted, however many jobs there are. One bit per filter and kind says which
// filters it fails, so that a count can leave out its own filter without filtering again.

const FILTERS = [
  "status",
  "output_type",
  "template_file_id",
  "template_file_version_id",
  "batch_id",
  "reason",
  "day",
  "text",
];

export class Filters {
  constructor(frame) {
    this.frame = frame;
    this.fails = new Uint8Array(frame.sizes.length);
    this.applied = new Map();
  }

  /** Look again only at the filters that changed. */
  apply(state) {
    FILTERS.forEach((key, place) => {
      const wanted = JSON.stringify(state[key] ?? []);
      if (wanted === (this.applied.get(key) ?? "[]")) return;
      this.applied.set(key, wanted);
      this.mark(1 << place, key, state[key]);
    });
  }

  mark(bit, key, wanted) {
    const { fails } = this;
    const column = this.frame.columns.get(key === "text" ? "errors" : key);
    if (!column) {
      const fits = !wanted?.length || wanted.includes(null);
      fails.forEach((failed, kind) => (fails[kind] = (failed & ~bit) | (fits ? 0 : bit)));
      return;
    }
    const fit = tester(key, wanted);
    const marks = Uint8Array.from(column.values, (value) => (fit(value) ? 0 : bit));
    const { codes } = column;
    fails.forEach((failed, kind) => (fails[kind] = (failed & ~bit) | marks[codes[kind]]));
  }

  /** Give the jobs that no filter hides, in their order: the one step that looks at every job. */
  shown(order) {
    const { fails } = this;
    if (!fails.some(Boolean)) return order;
    const { kinds } = this.frame;
    const jobs = new Uint32Array(order.length);
    let count = 0;
    for (let place = 0; place < order.length; place += 1) {
      const job = order[place];
      if (fails[kinds[job]] === 0) jobs[count++] = job;
    }
    return jobs.subarray(0, count);
  }

  /** Count the jobs shown whose kind passes a test. */
  count(test) {
    return this.frame.sizes.reduce((sum, size, kind) => sum + (this.fails[kind] === 0 && test(kind) ? size : 0), 0);
  }

  /** Count the jobs of each value of a column, as if its own filter were not set. */
  countsWithoutOwn(key) {
    const column = this.frame.columns.get(key);
    const others = ~(1 << FILTERS.indexOf(key));
    const counts = new Uint32Array(column.values.length);
    this.fails.forEach((failed, kind) => {
      if ((failed & others) === 0) counts[column.codes[kind]] += this.frame.sizes[kind];
    });
    return counts;
  }
}

function tester(key, wanted) {
  if (!wanted?.length) return () => true;
  if (key === "text") {
    const text = wanted.toLowerCase();
    return (messages) => messages?.some((message) => message?.toLowerCase().includes(text)) ?? false;
  }
  const set = new Set(wanted);
  return key === "reason" ? (list) => list.some((reason) => set.has(reason)) : (value) => set.has(value);
}

/** The groups of one figure: made once per payload, counted on every change. */
export class Groups {
  constructor(frame, figure, specs) {
    Object.assign(this, { figure, sizes: frame.sizes });
    this.status = frame.columns.get("status");
    this.statuses = this.status.values.length;
    this.order = sortStatuses(this.status.values, specs.statuses);
    const columns = figure.by.map((name) => frame.columns.get(name));
    this.codes = columns.length > 1 ? pair(columns) : columns[0].codes;
    this.bars = this.gather(columns, figure.by[0] === "reason");
    const all = this.cells(() => true);
    for (const bar of this.bars) bar.all = this.sum(bar, all);
    this.sort(specs.statuses);
  }

  /** Each bar has its key and the codes whose jobs it counts. */
  gather(columns, listed) {
    const bars = new Map();
    const add = (id, key, code) => {
      if (!bars.has(id)) bars.set(id, { key, codes: [] });
      bars.get(id).codes.push(code);
    };
    if (listed) {
      columns[0].values.forEach((list, code) => list.forEach((value) => add(value, [value], code)));
    } else if (columns.length > 1) {
      const seen = new Set();
      this.codes.forEach((code, kind) => {
        if (seen.has(code)) return;
        seen.add(code);
        add(code, columns.map((column) => column.values[column.codes[kind]]), code);
      });
    } else {
      columns[0].values.forEach((value, code) => add(code, [value], code));
    }
    this.size = this.codes.reduce((most, code) => Math.max(most, code), 0) + 1;
    return [...bars.values()];
  }

  cells(counts) {
    const cells = new Uint32Array(this.size * this.statuses);
    this.sizes.forEach((size, kind) => {
      if (counts(kind)) cells[this.codes[kind] * this.statuses + this.status.codes[kind]] += size;
    });
    return cells;
  }

  sum(bar, cells) {
    const counts = new Uint32Array(this.statuses);
    for (const code of bar.codes) {
      for (let s = 0; s < this.statuses; s += 1) counts[s] += cells[code * this.statuses + s];
    }
    return counts;
  }

  sort(statuses) {
    const text = (bar) => String(bar.key[0]);
    const byText = (a, b) => (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0);
    const orders = {
      appearance: () => 0,
      value: byText,
      largest: (a, b) => total(b.all) - total(a.all),
      status: (a, b) => rank(a.key[0], statuses) - rank(b.key[0], statuses) || byText(a, b),
    };
    this.bars.sort(orders[this.figure.order]);
  }

  /** Give the rows that the figure's spec draws: one per bar, or per status within a bar. */
  rows({ fails }, counts, label) {
    const cells = this.cells((kind) => fails[kind] === 0);
    const { most_rows: most, by, by_status: byStatus } = this.figure;
    let bars = this.bars.map((bar) => ({ ...bar, shown: this.sum(bar, cells), label: label(bar.key) }));
    if (bars.length > most) bars = [...bars.slice(0, most), merge(bars.slice(most))];
    return bars.flatMap(({ key, label: name, all, shown }, group) => {
      const bar = { group, label: name, key, ...counts };
      if (!byStatus) {
        const status = by[0] === "status" ? key[0] ?? null : null;
        return [{ ...bar, piece: 0, status, all: total(all), shown: total(shown) }];
      }
      return this.order
        .filter((s) => all[s] > 0)
        .map((s, piece) => ({ ...bar, piece, status: this.status.values[s], all: all[s], shown: shown[s] }));
    });
  }
}

function total(counts) {
  return counts.reduce((sum, count) => sum + count, 0);
}

function rank(status, statuses) {
  const place = statuses.indexOf(status);
  return place < 0 ? statuses.length : place;
}

function sortStatuses(values, statuses) {
  const codes = values.map((_, code) => code);
  return codes.sort((a, b) => rank(values[a], statuses) - rank(values[b], statuses));
}

function merge(bars) {
  const sum = (key) => bars.reduce((sums, bar) => sums.map((n, s) => n + bar[key][s]), bars[0][key].map(() => 0));
  return { key: [], label: `${bars.length.toLocaleString("en")} others`, all: sum("all"), shown: sum("shown") };
}

/** Number the pairs of codes that occur, in order of appearance. */
function pair(columns) {
  const numbers = new Map();
  return Uint32Array.from(columns[0].codes, (_, kind) => {
    const id = columns.map((column) => column.codes[kind]).join();
    if (!numbers.has(id)) numbers.set(id, numbers.size);
    return numbers.get(id);
  });
}
