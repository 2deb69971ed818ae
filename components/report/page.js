// Point at one plot, read all of them: the texts are the columns' own titles.
const figures = [...document.querySelectorAll("figure")];
const columns = figures.map((figure) => [...figure.querySelectorAll(".col")]);
const section = document.querySelector(".plots");
section?.addEventListener("pointermove", (event) => {
  const plot = event.target.closest(".plot");
  if (!plot) return;
  const at = columns[figures.indexOf(plot.closest("figure"))].indexOf(event.target.closest(".col"));
  if (at < 0) return;
  const box = plot.getBoundingClientRect();
  section.style.setProperty("--cross", `${(100 * (event.clientX - box.left)) / box.width}%`);
  section.classList.add("reading");
  figures.forEach((figure, i) => {
    figure.querySelector(".readout").textContent = columns[i][at]?.textContent ?? "";
  });
});
section?.addEventListener("pointerleave", () => section.classList.remove("reading"));
