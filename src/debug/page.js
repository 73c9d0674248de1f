// Renews the part of the page that changes. The server renders it; here it is put in place.
const live = document.getElementById("live");

async function renew() {
  if (!document.hidden) {
    try {
      const response = await fetch("/live", { signal: AbortSignal.timeout(5000) });
      if (response.ok) {
        live.innerHTML = await response.text();
        live.dataset.renewed = Number(live.dataset.renewed ?? 0) + 1;
      }
      live.classList.toggle("old", !response.ok);
    } catch {
      live.classList.add("old");
    }
  }
  setTimeout(renew, 1000);
}

setTimeout(renew, 1000);
