#!/usr/bin/env python3
"""A mail server for the tests: prints its port, then each letter that it takes, as one line of JSON.

    mailbox.py [--later N] [--never]

The first N letters are refused for now (451), or all of them for good (550).
"""
import argparse
import asyncio
import json
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP


class Mailbox:
    def __init__(self, options):
        self.options, self.refused = options, 0

    async def handle_DATA(self, server, session, envelope):
        if self.options.never:
            return "550 5.7.1 no such mailbox here"
        if self.refused < self.options.later:
            self.refused += 1
            return "451 4.3.0 later, please"
        mail = message_from_bytes(envelope.content, policy=policy.default)
        letter = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "header_to": str(mail["To"]),
                  "subject": str(mail["Subject"]), "text": mail.get_content(), "refused": self.refused}
        print(json.dumps(letter), flush=True)
        return "250 OK"


async def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--later", type=int, default=0)
    options.add_argument("--never", action="store_true")
    mailbox = Mailbox(options.parse_args())
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(mailbox), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
