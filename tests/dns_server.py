"""A DNS server of TXT records, on a port of this machine."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


@contextmanager
def dns_server(records: Mapping[str, str]) -> Iterator[str]:
    """Serve those texts by name; yields `address:port`. A name that says `broken` is answered by
    SERVFAIL, any other by NXDOMAIN."""

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, socket = self.request
            query = dns.message.from_wire(data)
            name = query.question[0].name
            reply = dns.message.make_response(query)
            reply.flags |= dns.flags.RA
            text = records.get(name.to_text())
            if "broken" in name.to_text():
                reply.set_rcode(dns.rcode.SERVFAIL)
            elif text is None:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            else:
                parts = " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", parts))
            socket.sendto(reply.to_wire(), self.client_address)

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
