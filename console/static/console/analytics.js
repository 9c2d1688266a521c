// Draws the charts from the numbers in the page; Chart.js is the one that the admin's theme ships.
"use strict";
(() => {
  const source = document.getElementById("charts");
  if (!source || typeof Chart === "undefined") return;
  const told = JSON.parse(source.textContent);
  const drawn = [];

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function dataset(label, data, { paint, isBefore }) {
    // The period before is a dashed line: the two differ by shape, not by colour alone.
    return isBefore
      ? { type: "line", label, data, borderColor: paint, backgroundColor: paint, borderDash: [5, 4], borderWidth: 2, pointRadius: 2, pointStyle: "line", order: 0 }
      : { type: "bar", label, data, backgroundColor: paint, pointStyle: "rect", order: 1 };
  }

  function draw(canvas, chart) {
    const text = colour("--muted");
    const line = colour("--line");
    return new Chart(canvas, {
      data: {
        labels: told.labels,
        datasets: [
          dataset(told.now, chart.now, { paint: colour("--primary"), isBefore: false }),
          dataset(told.before, chart.before, { paint: text, isBefore: true }),
        ],
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        locale: document.documentElement.lang,
        interaction: { mode: "index", intersect: false },
        plugins: { legend: { labels: { color: text, usePointStyle: true } } },
        scales: {
          x: { ticks: { color: text, maxRotation: 0, autoSkip: true }, grid: { display: false } },
          y: { beginAtZero: true, ticks: { color: text, precision: 0 }, grid: { color: line } },
        },
      },
    });
  }

  function drawAll() {
    drawn.splice(0).forEach((chart) => chart.destroy());
    document.querySelectorAll("[data-charts] canvas").forEach((canvas, number) => {
      drawn.push(draw(canvas, told.charts[number]));
    });
  }

  drawAll();
  // Light or dark: the colours are the page's.
  new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["class"] });
})();
