"""Every envelope that Uazapi posts in every variant that was seen, each with what it means."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from integrations.sandbox import envelopes as vendor
from integrations.sandbox.payloads import OWNER, Text, message_event
from webhooks.parsers.base import ConnectionChange, Echo, FromPhone, Ignored, Inbound, Parsed, Peer, Receipt
from webhooks.tests import hostile
from webhooks.tests.helpers import PHONE, text, v1

URL = "https://free.uazapi.test"
LID = "100000000000001"
SENT_AT = datetime(2026, 2, 3, 18, 36, 18, tzinfo=UTC)
SECONDS = int(SENT_AT.timestamp())
WORDS = "Bom dia 😀 — quero agendar"
TARGET = "3EB0TARGET"
REFERENCE = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


@dataclass(frozen=True)
class Case:
    """An envelope and what it means. `chat`: what orders it; None where that is not asked."""

    name: str
    envelope: dict[str, Any]
    expected: Parsed
    chat: str | None = None


def corpus() -> Iterator[Case]:
    """All of them; the names are unique."""
    yield from messages()
    yield from odd_messages()
    yield from receipts()
    yield from connections()
    yield from others()


def random_bodies(seed: int) -> Iterator[bytes]:
    """Bodies without end, from a seed: valid, mutated, cut off and hostile ones of both dialects."""
    valid = [case.envelope for case in corpus()]
    return hostile.random_bodies(seed, [*valid, v1(text(message_id="msg_1"))])


# --- how a member may be spelled ------------------------------------------------------------------

JID = f"{PHONE}@s.whatsapp.net"

# How the chat and its person are named: the members, and the peer of an inbound and of an outbound one.
# In what went out `sender*` is the owner, so a LID stays one there.
CHATS: dict[str, tuple[dict[str, Any], Peer, Peer]] = {
    "phone": (
        {"chatid": JID, "chatlid": f"{LID}@lid", "sender_pn": JID, "sender_lid": f"{LID}@lid"},
        Peer(PHONE, LID),
        Peer(PHONE, LID),
    ),
    "device": (
        {"chatid": f"{PHONE}:57@s.whatsapp.net", "chatlid": f"{LID}:3@lid", "sender_pn": JID},
        Peer(PHONE, LID),
        Peer(PHONE, LID),
    ),
    "no-lid": (
        {"chatid": JID, "chatlid": "", "sender_pn": JID, "sender_lid": "", "sender": JID},
        Peer(PHONE),
        Peer(PHONE),
    ),
    "lid-and-phone": (
        {"chatid": f"{LID}@lid", "chatlid": f"{LID}@lid", "sender_pn": JID},
        Peer(PHONE, LID),
        Peer(None, LID),
    ),
    "lid-phone-as-sender": (
        {"chatid": f"{LID}@lid", "chatlid": "", "sender_pn": "", "sender_lid": "", "sender": JID},
        Peer(PHONE, LID),
        Peer(None, LID),
    ),
    "lid-alone": (
        {"chatid": f"{LID}@lid", "chatlid": "", "sender_pn": "", "sender_lid": f"{LID}@lid", "sender": None},
        Peer(None, LID),
        Peer(None, LID),
    ),
    "chatlid-alone": (
        {"chatid": None, "chatlid": f"{LID}@lid", "sender_pn": JID, "sender_lid": f"{LID}@lid"},
        Peer(PHONE, LID),
        Peer(None, LID),
    ),
    "c.us": (
        {"chatid": f"{PHONE}@c.us", "chatlid": "", "sender_pn": "", "sender_lid": "", "sender": None},
        Peer(PHONE),
        Peer(PHONE),
    ),
}
TIMES: dict[str, tuple[Any, datetime | None]] = {
    "ms": (SECONDS * 1000, SENT_AT),
    "s": (SECONDS, SENT_AT),
    "ms-digits": (str(SECONDS * 1000), SENT_AT),
    "s-digits": (str(SECONDS), SENT_AT),
    "iso": ("2026-02-03T18:36:18Z", SENT_AT),
    "iso-zone": ("2026-02-03T15:36:18.000-03:00", SENT_AT),
    "none": (None, None),
    "zero": (0, None),
    "words": ("agora", None),
}
FLAGS: dict[str, Callable[[bool], Any]] = {
    "bool": bool,
    "text": str,
    "lower": lambda flag: str(flag).lower(),
    "number": int,
}
# kind of the builder → our kind, whether it has words, whether it refers to another message
KINDS = {
    "conversation": ("text", True, False),
    "text": ("text", True, False),
    "edit": ("text", True, True),
    "image": ("image", True, False),
    "video": ("video", True, False),
    "gif": ("gif", True, False),
    "audio": ("audio", False, False),
    "ptt": ("ptt", False, False),
    "document": ("document", True, False),
    "sticker": ("sticker", False, False),
    "location": ("location", False, False),
    "contact": ("contact", False, False),
    "reaction": ("reaction", False, True),
    "poll": ("poll", True, False),
    "poll_vote": ("poll_vote", True, True),
    "list_reply": ("list_reply", True, True),
    "button_reply": ("button_reply", True, True),
}


def chat_of(peer: Peer) -> str:
    return peer.wa_digits or f"{peer.lid}@lid"


def said(kind: str, identifier: str, *, by: vendor.Writer = "contact", words: str = WORDS) -> dict[str, Any]:
    """The envelope of one message of a kind, as the stand-in spells it."""
    track_id = REFERENCE if by == "api" else ""
    message = Text(identifier, PHONE, words, SENT_AT, "Marina", track_id)
    return vendor.spoken(kind, message, URL, by=by, refers_to=TARGET if KINDS[kind][2] else "")


def meaning(kind: str, identifier: str, peer: Peer, by: vendor.Writer, at: datetime | None) -> Parsed:
    """What a message of a kind means, by whomever."""
    ours, has_words, has_target = KINDS[kind]
    words, target = WORDS if has_words else "", TARGET if has_target else ""
    if by == "contact":
        named = replace(peer, name="Marina")
        return Inbound(identifier, named, words, ours, at, target, is_edit=kind == "edit")
    if by == "phone":
        return FromPhone(identifier, peer, len(words), ours, at, target)
    return Echo(identifier, REFERENCE, peer, len(words), ours, at)


# --- messages -------------------------------------------------------------------------------------


def messages() -> Iterator[Case]:
    """Every kind by every writer in every form of chat; times and flags take turns."""
    times, flags = list(TIMES.items()), list(FLAGS.items())
    turn = 0
    for kind in KINDS:
        for form, (members, incoming, outgoing) in CHATS.items():
            for by in ("contact", "phone", "api"):
                (unit, (timestamp, at)), (spelling, spell) = (
                    times[turn % len(times)],
                    flags[turn % len(flags)],
                )
                turn += 1
                identifier = f"3EB0{turn:04}"
                event = said(kind, identifier, by=by)
                event["message"] |= members | {"messageTimestamp": timestamp}
                for flag in ("fromMe", "isGroup", "wasSentByApi"):
                    event["message"][flag] = spell(event["message"][flag])
                peer = incoming if by == "contact" else outgoing
                yield Case(
                    f"{kind}/{form}/{by}/{unit}/{spelling}",
                    event,
                    meaning(kind, identifier, peer, by, at),
                    chat_of(peer),
                )
    for unit, (timestamp, at) in times:
        event = said("text", "3EB0TIME")
        event["message"]["messageTimestamp"] = timestamp
        yield Case(f"time/{unit}", event, meaning("text", "3EB0TIME", _usual(event), "contact", at))


def _usual(event: dict[str, Any]) -> Peer:
    """The person as the stand-in names them."""
    return Peer(PHONE, event["message"]["chatlid"].partition("@")[0] or None)


def odd_messages() -> Iterator[Case]:
    """Members missing or of another type, other places for the same thing, and who is no person."""
    yield from _without_members()
    yield from _by_other_names()
    yield from _no_persons()


def _changed(name: str, kind: str, changes: dict[str, Any], /, **expected: Any) -> Case:
    """A contact's message with some members replaced; `expected` differs from the usual meaning."""
    event = said(kind, "3EB0ODD")
    usual = meaning(kind, "3EB0ODD", _usual(event), "contact", SENT_AT)
    for member, value in changes.items():
        if value is ...:
            del event["message"][member]
        else:
            event["message"][member] = value
    return Case(name, event, replace(usual, **expected))  # type: ignore[type-var]


def _without_members() -> Iterator[Case]:
    optional = ["content", "quoted", "convertOptions", "source", "status", "track_id", "vote", "edited"]
    for member in [*optional, "reaction", "buttonOrListid", "groupName", "owner", "isGroup", "wasSentByApi"]:
        for how, value in (("missing", ...), ("null", None), ("number", 7), ("list", [])):
            yield _changed(f"{how}/unused/{member}", "text", {member: value})
    for how, value in (("missing", ...), ("null", None), ("empty", "")):
        nameless = Peer(PHONE, _usual(said("text", "x")).lid)
        yield _changed(f"{how}/senderName", "text", {"senderName": value}, peer=nameless)
        yield _changed(f"{how}/text", "text", {"text": value})  # it is in `content` as well
        yield _changed(f"{how}/text-of-a-string", "conversation", {"text": value})
        yield _changed(f"{how}/caption", "image", {"text": value})
        yield _changed(f"{how}/type", "text", {"type": value})
        yield _changed(f"{how}/mediaType", "image", {"mediaType": value})
        yield _changed(f"{how}/both-texts", "text", {"text": value, "content": value}, text="")
        yield _changed(f"{how}/target", "reaction", {"reaction": value})  # `content.key` names it
        yield _changed(f"{how}/quoted-poll", "poll_vote", {"quoted": value})
        yield _changed(f"{how}/label", "list_reply", {"vote": value})  # the title in `content`
        gone = {"vote": value, "content": value}
        yield _changed(f"{how}/label-and-title", "list_reply", gone, text="row-1")


def _by_other_names() -> Iterator[Case]:
    for kind in ("image", "video", "gif", "ptt", "audio", "document", "sticker", "location", "contact"):
        yield _changed(f"by-media-type/{kind}", kind, {"messageType": ""})
    for kind in ("text", "reaction", "poll", "poll_vote"):
        yield _changed(f"by-type/{kind}", kind, {"messageType": None})
    captionless = {"text": "", "content": {"URL": "https://mmg.whatsapp.net/v/a.enc"}}
    for kind in ("image", "video", "gif", "document"):
        yield _changed(f"without-caption/{kind}", kind, captionless, text="")
    for message_type, kind in (
        ("DocumentWithCaptionMessage", "document"),
        ("PollCreationMessage", "poll"),
        ("PollCreationMessageV5", "poll"),
        ("LiveLocationMessage", "location"),
        ("ContactsArrayMessage", "contact"),
        ("EncReactionMessage", "reaction"),
        ("TemplateButtonReplyMessage", "button_reply"),
        ("LottieStickerMessage", "sticker"),
        ("PtvMessage", "video"),
        ("AlbumMessage", "album"),
        ("PaymentInviteSomethingNewMessage", "paymentinvitesomethi"),
        ("Message", "text"),
    ):
        words = "" if kind in ("location", "contact", "reaction") else WORDS
        yield _changed(f"type/{message_type}", "text", {"messageType": message_type}, kind=kind, text=words)
    yield _changed("type/location-as-media", "location", {"type": "media"})
    yield _changed("id/with-owner", "text", {"messageid": f"{OWNER}:3EB0ODD"})
    yield _changed("id/only-the-long-one", "text", {"messageid": ""})
    yield _changed("id/long", "text", {"messageid": "x" * 300}, provider_message_id="x" * 128)
    yield _changed("id/edited-with-owner", "edit", {"edited": f"{OWNER}:{TARGET}"})
    yield _changed("id/reaction-with-owner", "reaction", {"reaction": f"{OWNER}:{TARGET}"})
    yield _changed("reaction/taken-back", "reaction", {"text": ""})
    yield _changed("quote/of-a-text", "text", {"quoted": TARGET})  # a quotation refers to nothing of ours


def _no_persons() -> Iterator[Case]:
    for kind in KINDS:
        for by in ("contact", "phone"):
            event = vendor.in_group(said(kind, "3EB0GROUP", by=by))
            yield Case(f"group/{kind}/{by}", event, Ignored("GROUP_MESSAGE"), vendor.GROUP)
    echo = vendor.in_group(said("text", "3EB0GROUP", by="api"))
    yield Case("group/echo", echo, Echo("3EB0GROUP", REFERENCE, None, len(WORDS), "text", SENT_AT))
    for chat in ("status@broadcast", "5511@broadcast", "120363000000000001@newsletter", "13135550002@bot"):
        for by in ("contact", "phone"):
            event = said("text", "3EB0X", by=by)
            event["message"]["chatid"] = chat
            yield Case(f"no-person/{chat}/{by}", event, Ignored("NOT_A_PERSON"))
    for name, changes, reason in (
        ("no-person/other-digits", {"chatid": "٥٥١١٩٨٧٦٥٠٠٠١@s.whatsapp.net"}, "NOT_A_PERSON"),
        ("no-person/short-lid", {"chatid": "1@lid"}, "NOT_A_PERSON"),
        ("group/by-id-alone", {"chatid": vendor.GROUP}, "GROUP_MESSAGE"),
        ("group/by-flag-alone", {"isGroup": "True"}, "GROUP_MESSAGE"),
        ("shape/no-chat", {"chatid": None, "chatlid": ""}, "UNKNOWN_SHAPE"),
        ("shape/no-id", {"messageid": 7, "id": None}, "UNKNOWN_SHAPE"),
        ("control/protocol", {"messageType": "ProtocolMessage"}, "EVENT_NOT_HANDLED"),
        ("control/keys", {"messageType": "SenderKeyDistributionMessage"}, "EVENT_NOT_HANDLED"),
    ):
        event = said("text", "3EB0X")
        event["message"] |= changes
        yield Case(name, event, Ignored(reason))
    notes = said("text", "3EB0X", by="phone")
    notes["message"]["chatid"] = f"{OWNER}@s.whatsapp.net"
    yield Case("own-chat", notes, Ignored("OWN_CHAT"))


# --- receipts -------------------------------------------------------------------------------------

STATES = {"Sent": "sent", "Delivered": "delivered", "Read": "read", "Played": "read", "Error": "failed"}


def receipts() -> Iterator[Case]:
    """Every state, wherever and however it is spelled, over one id and hundreds, at any unit of time."""
    spellings: dict[str, Callable[[str], tuple[Any, Any]]] = {
        "both": lambda state: (state, state),
        "type-in-lower-case": lambda state: (state, state.lower()),
        "top-alone": lambda state: (state, None),
        "type-alone": lambda state: (None, state),
        "type-alone-in-lower-case": lambda state: ("", state.lower()),
        "top-decides": lambda state: (state, "Deleted"),
    }
    times, turn = list(TIMES.items()), 0
    for state, ours in STATES.items():
        for spelling, spell in spellings.items():
            for count in (1, 246):
                unit, (timestamp, at) = times[turn % len(times)]
                turn += 1
                ids = [f"3EB0{turn}{number:03}" for number in range(count)]
                event = vendor.receipt_event(ids, state, URL, phone=PHONE, timestamp=timestamp)
                event["state"], event["event"]["Type"] = spell(state)
                event["event"]["IsFromMe"] = "False" if turn % 2 else False
                event["event"]["Timestamp"] = timestamp
                yield Case(f"receipt/{state}/{spelling}/{count}/{unit}", event, Receipt(ids, ours, at), "")
    prefixed = vendor.receipt_event([f"{OWNER}:A", "B", "A", ""], "Read", URL, phone=PHONE, timestamp=SECONDS)
    yield Case("receipt/with-owner", prefixed, Receipt(["A", "B"], "read", SENT_AT), "")
    for state in ("FileDownloaded", "Deleted", "Pending", "ReadSelf", "", None, 3, ["Read"]):
        event = vendor.receipt_event(["A"], "Deleted", URL, phone=PHONE)
        event["state"] = state
        yield Case(f"receipt/none/{state}", event, Ignored("RECEIPT_NOT_HANDLED"), "")
    for ids in ([], None, "A", [None, 3, ""], {"A": 1}):
        event = vendor.receipt_event([], "Read", URL, phone=PHONE)
        event["event"]["MessageIDs"] = ids
        yield Case(f"receipt/about-nothing/{ids}", event, Ignored("RECEIPT_NOT_HANDLED"), "")


# --- sessions, history, and what nothing here needs -----------------------------------------------

LOST_AT, REASON = "2026-02-02 17:46:57.567Z", "401: logged out from another device"


def connections() -> Iterator[Case]:
    """Every status of a session, with an event's id and without."""
    meanings: dict[str, Parsed] = {
        "connected": ConnectionChange("connected"),
        "connecting": ConnectionChange("connecting"),
        "pairing": ConnectionChange("connecting"),
        "disconnected": ConnectionChange("disconnected", REASON),
        "hibernated": ConnectionChange("disconnected"),
        "Connected": ConnectionChange("connected"),
        "": Ignored("UNKNOWN_SHAPE"),
        "resetting": Ignored("UNKNOWN_SHAPE"),
    }
    for status, expected in meanings.items():
        for event_id in ("", "00000000-0000-4000-8000-000000000004"):
            event = vendor.connection_event(status, URL, event_id=event_id, lost_at=LOST_AT, reason=REASON)
            yield Case(f"connection/{status}/{bool(event_id)}", event, expected, "connection")
    for name, changes, expected in (
        ("without-a-reason", {"instance": {"status": "disconnected"}}, "LoggedOut"),
        ("by-its-type-alone", {"instance": {}}, "LoggedOut"),
        ("without-an-instance", {"instance": None}, "LoggedOut"),
    ):
        event = vendor.connection_event("disconnected", URL) | changes
        yield Case(f"connection/{name}", event, ConnectionChange("disconnected", expected), "connection")


def others() -> Iterator[Case]:
    for count in (0, 1, 200):
        told = [Text(f"3EB0OLD{number}", PHONE, WORDS, SENT_AT) for number in range(count)]
        yield Case(f"history/{count}", vendor.history_event(told, URL), Ignored("HISTORY"), "")
    names = [
        "newsletter_messages",
        "call",
        "contacts",
        "presence",
        "groups",
        "labels",
        "chats",
        "chat_labels",
    ]
    for name in [*names, "blocks", "sender", "leads", "something_new", "x" * 300]:
        yield Case(f"event/{name}", vendor.other_event(name, URL), Ignored("EVENT_NOT_HANDLED"), "")
    usual = message_event(Text("3EB0A", PHONE, WORDS, SENT_AT), URL, from_api=False)
    for value in (None, "", 7, ["messages"], {}):
        yield Case(f"event/named-by/{value}", {**usual, "EventType": value}, Ignored("UNKNOWN_SHAPE"), "")
    for value in (None, [], "x", 7, {}):
        event = {**copy.deepcopy(usual), "message": value}
        yield Case(f"message/is/{value}", event, Ignored("UNKNOWN_SHAPE"), "")
