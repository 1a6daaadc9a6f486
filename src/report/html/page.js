"use strict";
(function () {
  var table = document.getElementById("rows");
  if (!table) return;
  var body = table.tBodies[0];
  var rows = Array.prototype.slice.call(body.rows);
  var text = document.getElementById("filter");
  var kind = document.getElementById("kind");
  var shown = document.getElementById("shown");
  document.documentElement.classList.remove("nojs");
  function filter() {
    var wanted = text.value.trim().toLowerCase();
    var only = kind.value;
    var count = 0;
    rows.forEach(function (row) {
      var fits = (!only || row.dataset.kind === only) &&
        (!wanted || row.textContent.toLowerCase().indexOf(wanted) >= 0);
      row.hidden = !fits;
      if (fits) count += 1;
    });
    shown.textContent = count + " of " + rows.length + " listed rows";
  }
  function sort(heading) {
    var column = heading.cellIndex;
    var down = heading.getAttribute("aria-sort") === "ascending";
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (cell) {
      cell.removeAttribute("aria-sort");
    });
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    var numeric = heading.classList.contains("n");
    rows.sort(function (one, other) {
      var a = one.cells[column].textContent, b = other.cells[column].textContent;
      var order = numeric ? Number(a) - Number(b) : a.localeCompare(b);
      return down ? -order : order;
    });
    rows.forEach(function (row) { body.appendChild(row); });
  }
  text.addEventListener("input", filter);
  kind.addEventListener("change", filter);
  table.tHead.addEventListener("click", function (event) {
    var button = event.target.closest("button");
    if (button) sort(button.parentNode);
  });
  filter();
})();
