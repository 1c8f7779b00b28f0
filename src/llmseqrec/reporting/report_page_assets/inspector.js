// Sessions lie in files beside the page, one an experiment, each a script that calls
// `inspectSessions`: of pages that are opened from disk, browsers load scripts and nothing else.
const inspector = (() => {
  const index = JSON.parse(document.getElementById("report-index").textContent).inspector;
  const part = name => document.getElementById(`inspect-${name}`);
  const loaded = new Map();
  let data = null; // of the chosen experiment
  let chosen = []; // positions of the sessions that the filter lets through
  let place = 0; // in `chosen`

  function decoded(text, size) {
    const raw = atob(text);
    const bytes = Uint8Array.from(raw, sign => sign.charCodeAt(0));
    return size === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer);
  }

  // Rank of the target in each session's list; 0: it is not there.
  function hitRanks(list, targets, k) {
    return Uint16Array.from(targets, (target, session) => {
      const at = list.subarray(session * k, (session + 1) * k).indexOf(target);
      return at + 1;
    });
  }

  function open(content) {
    const size = content.bytes;
    const targets = decoded(content.targets, size);
    const runs = Object.entries(content.lists).map(([name, text]) => {
      const items = decoded(text, size);
      return { name, items, ranks: hitRanks(items, targets, content.k) };
    });
    return {
      k: content.k, titles: content.titles, nothing: 2 ** (8 * size) - 1, targets, runs,
      sessions: decoded(content.sessions, 4), lengths: decoded(content.lengths, 4),
      offsets: decoded(content.offsets, 4), prompts: decoded(content.prompts, size),
    };
  }

  function choose() {
    const entry = index.find(each => each.key === part("experiment").value);
    if (!entry) return;
    if (loaded.has(entry.key)) return start(entry.key);
    part("status").textContent = `Reading ${entry.title} …`;
    const script = document.createElement("script");
    script.src = entry.file;
    script.onerror = () => {
      part("status").textContent = `${entry.file} cannot be read; it belongs beside this page.`;
    };
    document.body.append(script);
  }

  function start(key) {
    data = loaded.get(key);
    const kept = part("run").value;
    const names = ["any run", ...data.runs.map(run => run.name)];
    part("run").replaceChildren(...names.map((name, at) => new Option(name, at === 0 ? "" : name)));
    part("run").value = names.includes(kept) ? kept : "";
    filter();
  }

  function filter() {
    if (!data) return;
    const current = chosen.length ? chosen[place] : 0;
    const mode = part("filter").value;
    const name = part("run").value;
    const asked = data.runs.filter(run => name === "" || run.name === name);
    chosen = [...data.sessions.keys()].filter(session => mode === "all"
      || asked.some(run => run.ranks[session] > 0) === (mode === "hits"));
    place = Math.max(chosen.indexOf(current), 0);
    show();
  }

  function titlesOf(items) {
    return [...items].filter(item => item !== data.nothing).map(item => data.titles[item]);
  }

  function listItem(text, hit) {
    const line = document.createElement("li");
    line.textContent = hit ? `✓ ${text}` : text;
    line.classList.toggle("hit", hit);
    return line;
  }

  function ranked(item, rank, hit) {
    const line = listItem(data.titles[item], hit);
    line.value = rank;
    return line;
  }

  function listOf(run, session) {
    const box = document.createElement("div");
    const head = document.createElement("h3");
    const told = document.createElement("small");
    const lines = document.createElement("ol");
    const rank = run.ranks[session];
    const length = Math.min(Number(part("length").value), data.k);
    const items = run.items.subarray(session * data.k, (session + 1) * data.k);
    told.textContent = rank ? `hit at rank ${rank}` : "miss";
    if (items.every(item => item === data.nothing)) told.textContent = "no list";
    head.append(run.name, told);
    items.forEach((item, at) => {
      if (item === data.nothing) return; // the list has ended, or has no item of this rank
      if (at < length || at + 1 === rank) lines.append(ranked(item, at + 1, at + 1 === rank));
    });
    box.classList.add("list");
    box.classList.toggle("hit", rank > 0);
    box.append(head, lines);
    return box;
  }

  function show() {
    const none = chosen.length === 0;
    part("view").hidden = none;
    // Not `disabled`: a button that is loses the focus, and with it the arrow keys.
    part("previous").ariaDisabled = String(none || place === 0);
    part("next").ariaDisabled = String(none || place === chosen.length - 1);
    if (none) {
      part("status").textContent = "No session is like that.";
      return;
    }
    const session = chosen[place];
    const hits = data.runs.filter(run => run.ranks[session] > 0).length;
    part("status").textContent = `Session ${data.sessions[session]}: ${(place + 1).toLocaleString("en")}`
      + ` of ${chosen.length.toLocaleString("en")}; hit by ${hits} of ${data.runs.length} runs`;
    const items = data.prompts.subarray(data.offsets[session], data.offsets[session + 1]);
    const length = data.lengths[session];
    part("length-note").textContent = items.length < length
      ? `the last ${items.length} of ${length} items, oldest first`
      : `${length} item${length === 1 ? "" : "s"}, oldest first`;
    part("prompt").start = length - items.length + 1;
    part("prompt").replaceChildren(...titlesOf(items).map(title => listItem(title, false)));
    part("target").textContent = data.titles[data.targets[session]];
    part("lists").replaceChildren(...data.runs.map(run => listOf(run, session)));
  }

  function step(by) {
    const next = place + by;
    if (!data || next < 0 || next >= chosen.length) return;
    place = next;
    show();
  }

  function find() {
    const wanted = part("session").value.trim();
    if (!data || wanted === "") return;
    const session = data.sessions.indexOf(Number(wanted));
    if (session < 0) {
      part("status").textContent = `No session ${wanted} in this file.`;
      return;
    }
    if (!chosen.includes(session)) {
      part("filter").value = "all";
      filter();
    }
    place = chosen.indexOf(session);
    show();
  }

  part("experiment").append(...index.map(entry => new Option(entry.title, entry.key)));
  part("experiment").addEventListener("change", () => {
    data = null;
    chosen = [];
    part("view").hidden = true; // what it shows is of the other experiment
    choose();
  });
  for (const name of ["filter", "run"]) part(name).addEventListener("change", filter);
  part("length").addEventListener("change", () => data && chosen.length && show());
  part("session").addEventListener("change", find);
  part("previous").addEventListener("click", () => step(-1));
  part("next").addEventListener("click", () => step(1));
  document.getElementById("inspector").addEventListener("keydown", event => {
    if (["INPUT", "SELECT"].includes(event.target.tagName)) return;
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  // Nothing is read before a reader comes to it.
  new IntersectionObserver((entries, observer) => {
    if (!entries.some(entry => entry.isIntersecting)) return;
    observer.disconnect();
    choose();
  }, { rootMargin: "300px" }).observe(document.getElementById("inspector"));

  return {
    take(key, content) {
      loaded.set(key, open(content));
      if (key === part("experiment").value) start(key);
    },
  };
})();

function inspectSessions(key, content) {
  inspector.take(key, content);
}
