(() => {
  const form = document.querySelector(".filters");
  const rows = [...document.querySelectorAll("tr[data-tier]")];
  const boards = [...document.querySelectorAll("section[data-environment]")];
  const count = form.querySelector("output");
  const shown = (row) => {
    const chosen = new FormData(form);
    return ["environment", "tier", "agent", "practice"].every((name) => !chosen.get(name) || row.dataset[name] === chosen.get(name))
      && row.dataset.name.toLowerCase().includes(chosen.get("name").toLowerCase());
  };
  const update = () => {
    for (const row of rows) row.hidden = !shown(row);
    for (const board of boards) board.hidden = !board.querySelector("tr[data-tier]:not([hidden])");
    const left = rows.filter((row) => !row.hidden).length;
    count.textContent = left === rows.length ? `${left} rows` : `${left} of ${rows.length} rows`;
  };
  form.hidden = false;
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  update();
})();
