"""Table 1e: what stays in memory of pages that the client has dropped."""

import gc
import tracemalloc

from benchmarks import export_page, harness, peers

PAGES = 50


def kept(peer: harness.Peer, pages: int) -> float:
    """Bytes kept per page."""
    with peer.context() as call, peer.around():
        call()
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(pages):
                call()
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    return (after - before) / pages


def measure(report: harness.Report) -> None:
    """Fetch pages, drop them, and look at what is left."""
    exchange = export_page.exchange()
    body, pages = exchange.answer(), 10 if report.quick else PAGES
    makers = (peers.responses_static, peers.responses_callback, peers.requests_mock)
    others = [peer for peer in (make(exchange, body) for make in makers) if peer is not None]
    found = {peer.name: kept(peer, pages) for peer in [peers.floor(exchange, body), peers.ours(exchange), *others]}
    print(f"{pages} pages of {len(body) / 1000:.0f} kB, fetched and dropped, while the fake stays open")
    rows = [(name, f"{each:,.0f}", f"{each / len(body):.4f}") for name, each in found.items()]
    harness.table(("", "bytes kept per page", "of the body"), rows)
    report.target("kept per page, of the body", found[peers.OURS] / len(body), 0.05, ".4f")


if __name__ == "__main__":
    harness.main("1e", "Memory kept per page", measure)
