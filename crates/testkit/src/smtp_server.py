"""An SMTP server for tests: keeps every mail as a file, and misbehaves for some receivers.

Usage: smtp_server.py DIRECTORY [starttls|tls CERTIFICATE KEY]. Prints the port it listens on; ends when its standard input is closed, so that it
cannot outlive the test. `tempfail@…` is answered 451, `reject@…` 550, `hang@…` never; a mail to `drop@…` is kept and
then the connection is closed without an answer. Signing in is possible as `user` with `secret`.
"""

import asyncio
import email
import email.policy
import json
import os
import ssl
import sys
import threading

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Handler:
    def __init__(self, directory):
        self.directory = directory
        self.count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        local = address.split("@")[0]
        if local == "tempfail":
            return "451 4.3.0 try again later"
        if local == "reject":
            return "550 5.1.1 no such mailbox"
        if local == "hang":
            await asyncio.Event().wait()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.keep(envelope, getattr(session, "auth_data", None))
        if any(address.startswith("drop@") for address in envelope.rcpt_tos):
            server.transport.abort()
            await asyncio.Event().wait()
        return "250 2.0.0 accepted"

    def keep(self, envelope, user):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)

        def part(kind):
            body = message.get_body(preferencelist=(kind,))
            return body.get_content() if body is not None else None

        record = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "raw": envelope.content.decode("utf-8", "replace"),
            "headers": [[name, str(value)] for name, value in message.items()],
            "text": part("plain"),
            "html": part("html"),
            "user": user,
        }
        self.count += 1
        path = os.path.join(self.directory, f"{self.count:06}.json")
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump(record, file)
        os.rename(path + ".part", path)


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"user", b"secret")
    return AuthResult(success=good, handled=good, auth_data="user" if good else None)


async def main():
    handler = Handler(sys.argv[1])
    loop = asyncio.get_running_loop()
    mode, context = None, None
    if len(sys.argv) > 2:
        mode, certificate, key = sys.argv[2:5]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

    def serve():
        starttls = context if mode == "starttls" else None
        # Named, or each connection would ask the network for this machine's name.
        return SMTP(handler, hostname="localhost", enable_SMTPUTF8=True, authenticator=authenticate, auth_require_tls=mode == "starttls",
                    require_starttls=mode == "starttls", tls_context=starttls)

    server = await loop.create_server(serve, "127.0.0.1", 0, ssl=context if mode == "tls" else None)
    print(server.sockets[0].getsockname()[1], flush=True)

    def end_with_the_test():
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=end_with_the_test, daemon=True).start()
    await server.serve_forever()


asyncio.run(main())
