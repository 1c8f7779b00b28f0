"use strict";
// A click on a header sorts its table: numbers from the highest, texts from A; a second click turns
// the order around. Empty cells come last either way.
function compareRows(a, b, column, sign) {
  const [x, y] = [a, b].map(row => row.cells[column].dataset.value ?? "");
  if (x === "" || y === "") return (x === "") - (y === "");
  const difference = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
  return sign * difference;
}

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
    const first = head.classList.contains("number") ? "descending" : "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? other : first;
    heads.forEach(each => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    body.append(...[...body.rows].sort((a, b) => compareRows(a, b, column, sign)));
  }));
}
