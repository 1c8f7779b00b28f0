// Everything that needs a script is hidden until there is one.
for (const part of document.querySelectorAll("[data-scripted]")) part.hidden = false;

const board = {
  table: document.querySelector("#leaderboard table"),
  dataset: document.getElementById("board-dataset"),
  split: document.getElementById("board-split"),
  metric: document.getElementById("board-metric"),
  text: document.getElementById("board-text"),
  ran: document.getElementById("board-ran"),
  count: document.getElementById("board-count"),
};

function filterBoard() {
  const wanted = board.text.value.trim().toLocaleLowerCase();
  let shown = 0;
  for (const row of board.table.tBodies[0].rows) {
    const data = row.dataset;
    row.hidden = (board.dataset.value && data.dataset !== board.dataset.value)
      || (board.split.value && data.split !== board.split.value)
      || (board.ran.checked && data.status !== "ran")
      || !row.textContent.toLocaleLowerCase().includes(wanted);
    shown += !row.hidden;
  }
  board.count.textContent = `${shown} of ${board.table.tBodies[0].rows.length} rows`;
}

function filterMetrics() {
  const wanted = board.metric.value;
  for (const cell of board.table.querySelectorAll("[data-metric]")) {
    cell.hidden = wanted !== "" && cell.dataset.metric !== wanted;
  }
}

for (const control of [board.dataset, board.split, board.ran]) {
  control.addEventListener("change", filterBoard);
}
board.text.addEventListener("input", filterBoard);
board.metric.addEventListener("change", filterMetrics);
filterBoard();
filterMetrics();

// A link to a folded part unfolds it.
function unfold() {
  // Parts are called by letters, digits and signs that no address changes: nothing to decode.
  const part = document.getElementById(location.hash.slice(1));
  if (part instanceof HTMLDetailsElement) {
    part.open = true;
    part.scrollIntoView();
  }
}
addEventListener("hashchange", unfold);
unfold();
