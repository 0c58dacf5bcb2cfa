"""Ways to write an address that leads inside, and a canary that must not hear of any of them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_WAIT_SECONDS = 5


class Canary:
    """A listener that counts connections, not bytes, and hangs up on each."""

    def __init__(self, server: socket.socket):
        host, self.port = server.getsockname()[:2]
        self._visited = "127.0.0.1" if host == "::" else host
        self._server = server
        self._came: list[int] = []
        self._changed = threading.Condition()

    def visitors(self) -> int:
        """How many connections came since this was asked last. They queue up, and ours is behind them."""
        with (
            socket.create_connection((self._visited, self.port), timeout=_WAIT_SECONDS) as visit,
            self._changed,
        ):
            ours = visit.getsockname()[1]
            assert self._changed.wait_for(lambda: ours in self._came, _WAIT_SECONDS)
            others = [port for port in self._came if port != ours]
            self._came.clear()
        return len(others)

    def listen(self) -> None:
        while True:
            try:
                connection, address = self._server.accept()
            except OSError:  # closed
                return
            connection.close()
            with self._changed:
                self._came.append(address[1])
                self._changed.notify_all()


@contextmanager
def canary_listening(host: str = "::", port: int = 0) -> Iterator[Canary]:
    """By default on every address of this machine, IPv4 and IPv6."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, dualstack_ipv6=host == "::") as server:
        canary = Canary(server)
        thread = threading.Thread(target=canary.listen)
        thread.start()
        try:
            yield canary
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


# --- hosts: good for every door; in a URL, IPv6 gets its brackets ----------------------------------

HOSTS = {
    "loopback": [
        "127.0.0.1",
        "127.0.0.2",
        "127.255.255.254",
        "0.0.0.0",
        "::1",
        "::",
        "0:0:0:0:0:0:0:1",
        "0000:0000:0000:0000:0000:0000:0000:0001",
        "127.0.0.1.",
        "::1%lo",
        "::1%1",
        "::1%25lo",
    ],
    "old-ipv4": [
        "127.1",
        "127.0.1",
        "127.1.",
        "0",
        "00",
        "0x0",
        "0x7f.1",
        "0x7f.0.1",
        "0X7F.0.0.1",
        "127.0x0.1",
        "0x7f000001",
        "0x7f000001.",
        "2130706433",
        "2130706433.",
        "017700000001",
        "0177.0.0.1",
        "0177.1",
        "00000177.0.0.1",
        "127.0.0.01",
        "0x7f.000.0x0.01",
    ],
    "unicode": [
        "１２７．０．０．１",
        "１２７.0.0.1",
        "127。0。0。1",
        "127．0．0．1",
        "127｡0｡0｡1",
        "⑫7.0.0.1",
        "①②⑦.⓪.⓪.①",
        "𝟏𝟐𝟕.𝟎.𝟎.𝟏",
        "¹²⁷.0.0.1",
        "０ｘ７ｆ．１",
        "１２７．１",
        "２１３０７０６４３３",
        "127.0.0.1\u200b",
        "127.0.0.\u00ad1",
        "\u2060127.0.0.1",
        "ⓛocalhost",
        "ｌｏｃａｌｈｏｓｔ",
        "localho\u017ft",
        "loc\u00adalhost",
        "localhost。",
    ],
    "ipv4-in-ipv6": [
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::FFFF:127.0.0.1",
        "0:0:0:0:0:ffff:127.0.0.1",
        "::ffff:0.0.0.0",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "::7f00:1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2002:7f00:0001::1",
        "2001::1",
        "2001:0:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "fe80::5efe:127.0.0.1",
    ],
    "private": [
        "10.0.0.1",
        "10.1",
        "172.16.0.1",
        "172.31.255.254",
        "192.168.0.1",
        "192.168.257",
        "0xc0a80001",
        "100.64.0.1",
        "100.127.255.254",
        "192.0.2.2",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "fc00::1",
        "fd00::2",
        "fe80::1",
        "fe80::1%lo",
        "fe80::1%25eth0",
        "fec0::1",
        "ff02::1",
    ],
    "metadata": [
        "169.254.169.254",
        "169.254.43518",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.169.254.",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "64:ff9b::a9fe:a9fe",
    ],
    "localhost": ["localhost", "LOCALHOST", "LocalHost", "localhost.", "a.localhost", "db.LOCALHOST."],
}

# Names that look like any other, and where they lead. A file's address may have such a name: it is the
# provider who fetches the file, from its own network.
NAMES: dict[str, tuple[str, ...]] = {
    "inside.example": ("127.0.0.1",),
    "inside-as-ipv6.example": ("::1",),
    "inside-mapped.example": ("::ffff:127.0.0.1",),
    "inside-translated.example": ("64:ff9b::7f00:1",),
    "any.example": ("0.0.0.0",),
    "any-as-ipv6.example": ("::",),
    "private.example": ("10.0.0.1",),
    "metadata.google.internal": ("169.254.169.254",),
    "mixed.example": ("8.8.8.8", "127.0.0.1"),
    "mixed-otherwise.example": ("127.0.0.1", "8.8.8.8"),
    "127.0.0.1.nip.example": ("127.0.0.1",),
    "xn--clnica-4va.example": ("127.0.0.1",),
}
SPELLED_NAMES = [*NAMES, "INSIDE.Example", "inside.example.", socket.gethostname()]

# --- texts that are no plain host -----------------------------------------------------------------

NO_HOSTS = [
    "",
    " ",
    "..",
    "127.0.0.1..",
    " 127.0.0.1",
    "127.0.0.1 ",
    "127.0.0.1\t",
    "127.0.0.1\n",
    "127.0.0.1\x00",
    "127.0.0.1\x00.smtp.com",
    "smtp.com\r\n127.0.0.1",
    "[127.0.0.1]",
    "[::1]",
    "127.0.0.1:25",
    "127.0.0.1/",
    "127.0.0.1#",
    "127.0.0.1?",
    "127.0.0.1\\",
    "user@127.0.0.1",
    "smtp.com@127.0.0.1",
    "smtp.com\\@127.0.0.1",
    "smtp.com%40127.0.0.1",
    "%31%32%37.0.0.1",
    "127%2e0.0.1",
    "//127.0.0.1",
    "http://127.0.0.1",
    "smtp.com,127.0.0.1",
    "127.0.0.1,smtp.com",
    "smtp.com hostaddr=127.0.0.1",
    "host=127.0.0.1",
    "postgres://127.0.0.1",
    "/tmp",
    "/var/run/postgresql",
    "@socket",
]

URLS = [
    "http://127.0.0.1:{port}",
    "HTTP://LOCALHOST:{port}",
    "http://8.8.8.8:{port}",
    "http:127.0.0.1:{port}",
    "https:127.0.0.1:{port}",
    "https:/127.0.0.1:{port}",
    "https:///127.0.0.1:{port}",
    "//127.0.0.1:{port}",
    "127.0.0.1:{port}",
    "https:\\\\127.0.0.1:{port}",
    "ht\ttps://127.0.0.1:{port}",
    "https://@127.0.0.1:{port}",
    "https://user@127.0.0.1:{port}",
    "https://:password@127.0.0.1:{port}",
    "https://uazapi.com@127.0.0.1:{port}",
    "https://uazapi.com:443@127.0.0.1:{port}",
    "https://uazapi.com%2f@127.0.0.1:{port}",
    "https://uazapi.com%40127.0.0.1:{port}",
    "https://uazapi.com\\@127.0.0.1:{port}",
    "https://127.0.0.1:{port}\\@uazapi.com",
    "https://127.0.0.1:{port}#@uazapi.com",
    "https://127.0.0.1:{port}?@uazapi.com",
    "https://127.0.0.1;uazapi.com:{port}",
    "https://127.0.0.1,uazapi.com:{port}",
    " https://127.0.0.1:{port}",
    "https://127.0.0.1:{port} ",
    "https://127.0.0.1 :{port}",
    "https://127.0.0.1\t:{port}",
    "https://127.0.0.1\n:{port}",
    "https://127.0.0.1\x00:{port}",
    "https://127.0.0.1:{port}/\r\nHost: uazapi.com",
    "https://127.0.0.1%20:{port}",
    "https://127.0.0.1%00.uazapi.com:{port}",
    "https://%31%32%37.0.0.1:{port}",
    "https://127%2e0%2e0%2e1:{port}",
    "https://127.0.0.1..:{port}",
    "https://.127.0.0.1:{port}",
    "https://::1:{port}",
    "https://[::1:{port}",
    "https://[127.0.0.1]:{port}",
    "https://[v1.127.0.0.1]:{port}",
    "https://[::1]127.0.0.1:{port}",
    "https://127.0.0.1:{port}:443",
    "https://127.0.0.1：{port}",
    "https://127.0.0.1:0{port}",
    "https://127.0.0.1:-1",
    "https://127.0.0.1:0",
    "https://127.0.0.1:99999",
    "https://uazapi.com:0",
    "ftp://127.0.0.1:{port}",
    "ws://127.0.0.1:{port}",
    "gopher://127.0.0.1:{port}/_QUIT",
    "dict://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "file://127.0.0.1:{port}/etc/passwd",
    "unix:///tmp/.s.PGSQL.5432",
    "http+unix://%2ftmp%2fsocket/",
    "data:,x",
    "javascript:alert(1)",
    "",
]
