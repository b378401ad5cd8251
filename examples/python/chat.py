#!/usr/bin/env python3
"""A small client of hongyan's `binary` dialect: registers two people by mail, makes them friends, and lets them talk.

    python3 -m venv venv && venv/bin/pip install grpcio-tools          # brings protoc and the protobuf runtime
    venv/bin/python -m grpc_tools.protoc -I protocol/proto --python_out=examples/python hongyan.proto
    venv/bin/python examples/python/chat.py --outbox data/outbox       # or without --outbox: type the codes in

The packets are described in protocol/proto/hongyan.proto, their order and their guarantees in docs/binary.md.
"""
import argparse, os, re, socket, struct, time
from email import message_from_bytes, policy
from pathlib import Path

import hongyan_pb2 as pb


class Refused(Exception):
    """The server said no."""


class Client:
    """One connection. Answers heartbeats and acknowledges messages by itself; keeps what it was told in `told`."""

    NO = ("error", "login_failed", "registration_failed", "wrong_code", "email_taken", "user_not_found",
          "create_group_failed")

    def __init__(self, host, port, instance=b""):
        self.socket = socket.create_connection((host, port), timeout=10)
        self.instance, self.told = instance, []
        # A number must not be used twice by one installation. The time is a good place to start: it never goes back far.
        self.seq = time.time_ns() // 1000

    def send(self, numbered=True, **body):
        """Sends one packet: send(login=pb.Login(...)). Returns its number."""
        self.seq += numbered
        packet = pb.Packet(seq=self.seq if numbered else 0, **body).SerializeToString()
        self.socket.sendall(struct.pack(">I", len(packet)) + packet)
        return self.seq

    def ask(self, **body):
        """Sends one packet and waits for its answer."""
        number = self.send(**body)
        while True:
            packet = self.receive()
            kind = packet.WhichOneof("body")
            if packet.seq != number:
                self.told.append(packet)
            elif kind in self.NO:
                raise Refused(f"{kind}: {getattr(packet, kind)}".strip())
            else:
                return getattr(packet, kind)

    def receive(self):
        """The next packet that is not mere housekeeping."""
        while True:
            packet = pb.Packet.FromString(self.exactly(struct.unpack(">I", self.exactly(4))[0]))
            kind = packet.WhichOneof("body")
            body = getattr(packet, kind)
            if kind == "heartbeat":
                self.send(numbered=False, heartbeat=pb.Heartbeat())
                continue
            if kind == "forced_logout":
                raise Refused(f"logged out: {body.detail}")
            if "receipt" in body.DESCRIPTOR.fields_by_name and body.HasField("receipt"):
                # A real client does this once the message is safe on its own disk.
                self.send(numbered=False, message_received=pb.MessageReceived(receipts=[body.receipt]))
            return packet

    def expect(self, kind):
        """The next event of that kind, whatever else is told before it."""
        while True:
            for at, packet in enumerate(self.told):
                if packet.WhichOneof("body") == kind:
                    return getattr(self.told.pop(at), kind)
            self.told.append(self.receive())

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise Refused("the connection is closed")
            data += more
        return data

    def login(self, email, password):
        return self.ask(login=pb.Login(email=email, password=password, instance=self.instance))

    def say(self, to, text):
        """Returns once the message is on the server's disk."""
        data = text.encode()
        return self.ask(private_message=pb.Message(to=to, kind=pb.KIND_TEXT, length=len(data), payload=data))


def code_for(email, outbox):
    """The code that was mailed: from the server's outbox (mail.transport = "file"), or typed in."""
    if not outbox:
        return input(f"the code that was mailed to {email}: ").strip()
    for _ in range(100):
        for letter in sorted(Path(outbox).glob("*.eml"), reverse=True):
            mail = message_from_bytes(letter.read_bytes(), policy=policy.default)
            digits = re.search(r"\b\d{6}\b", mail.get_content())
            if email in str(mail["To"]) and digits:
                return digits.group()
        time.sleep(0.1)
    raise Refused(f"no letter to {email} in {outbox}")


def register(client, email, nickname, password, outbox):
    client.ask(request_code=pb.RequestCode(email=email))
    code = code_for(email, outbox)
    return client.ask(register=pb.Register(email=email, nickname=nickname, password=password, code=code))


def main():
    options = argparse.ArgumentParser(description="two people meet")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=7100)
    options.add_argument("--outbox", help="the server's DATA/outbox")
    options.add_argument("--at", default=f"{os.urandom(4).hex()}.example.org", help="a domain for the addresses")
    args = options.parse_args()
    ming, hua = Client(args.host, args.port, os.urandom(16)), Client(args.host, args.port, os.urandom(16))

    for client, name in ((ming, "ming"), (hua, "hua")):
        done = register(client, f"{name}@{args.at}", name, "correct horse", args.outbox)
        print(f"{name} is account {done.account}, called {done.name}")
    me, her = (client.login(f"{name}@{args.at}", "correct horse") for client, name in ((ming, "ming"), (hua, "hua")))

    ming.ask(friend_request=pb.FriendRequest(account=her.account, reason="we met at the lake"))
    asked = hua.expect("friend_requested")
    print(f"{asked.name} asks: {asked.reason}")
    hua.ask(accept_friend=pb.AcceptFriend(asker=asked.asker))
    print("accepted by", ming.expect("friend_accepted").profile.nickname)

    sent = ming.say(her.account, "你好 🪿")
    print(f"sent as number {sent.id}; hua reads:", hua.expect("private_message").payload.decode())

    hua.ask(logout=pb.Logout())
    ming.say(her.account, "are you there?")
    hua.login(f"hua@{args.at}", "correct horse")
    print("waited for hua:", hua.expect("offline_private_message").payload.decode())
    print("ok")


if __name__ == "__main__":
    main()
