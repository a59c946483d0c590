"""Deliveries of events to functions, from SNS, alarms and EventBridge: held back, dropped or repeated on demand.

ministack invokes a subscribed function once and keeps no record. Stands in for SNS's retries, for deliveries that
arrive twice, hours late or out of order, and for a subscriber's inbox: the messages published to each topic.
"""

import contextvars
import itertools
import json
import threading
import time
import uuid
from collections import deque
from dataclasses import asdict, dataclass, field

from ministack.services import sns

from .calls import now_ms
from .functions import invoke_async_by_arn
from .transitions import ms

LIMIT = 10_000
SNS_ATTEMPTS = 5  # AWS retries for 23 days if the function cannot be invoked at all


@dataclass
class Delivery:
    """One event for one function, with the field names of `/_local/deliveries`."""

    n: int
    at: int
    via: str  # sns, alarm or rule
    source: str  # the topic's or the alarm's ARN, or an event's source
    function: str
    alarm: str | None  # if it is about an alarm: its name and new state
    alarmState: str | None
    event: object
    again: int | None = None  # the number of the delivery that this one repeats
    state: str = "delivering"  # held, dropped, delivering, delivered, failed
    attempts: int = 0
    context: contextvars.Context = field(default_factory=contextvars.copy_context, repr=False)

    def as_json(self) -> dict:
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "context"}

    def is_for(self, name: str) -> bool:
        """Whether this name or ARN of a function, topic or alarm matches the delivery."""
        return name in (self.function, _name(self.function), self.source, _name(self.source), self.alarm)


def _name(arn: str) -> str:
    parts = arn.split(":")
    return parts[6] if arn.startswith("arn:aws:lambda:") and len(parts) > 6 else parts[-1]


class Deliveries:
    """Every delivery since the start, bounded, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._all: deque[Delivery] = deque(maxlen=LIMIT)
        self._holding: list[str] = []

    def hand_over(self, via: str, source: str, function: str, event) -> None:
        """Starts a delivery, or holds it back if a test asked for that."""
        alarm, state = about(event)
        with self._lock:
            one = Delivery(next(self._numbers), now_ms(), via, source, function, alarm, state, event)
            if any(one.is_for(name) for name in self._holding):
                one.state = "held"
            self._all.append(one)
        if one.state != "held":
            _start(one)

    def since(self, n: int) -> dict:
        with self._lock:
            return {"holding": list(self._holding), "deliveries": [one.as_json() for one in self._all if one.n > n]}

    def control(self, wanted: dict) -> dict:
        """`POST /_local/deliveries`: one of hold, resume (names), release, drop (numbers of held deliveries)."""
        if len(wanted) != 1 or not set(wanted) <= {"hold", "resume", "release", "drop"}:
            raise ValueError('one of {"hold": name}, {"resume": name}, {"release": n}, {"drop": n}')
        (act, what), one = next(iter(wanted.items())), None
        if not isinstance(what, str if act in ("hold", "resume") else int):
            raise ValueError(f"{act}: a {'name' if act in ('hold', 'resume') else 'number'}, not {what!r}")
        with self._lock:
            if act == "hold" and what not in self._holding:
                self._holding.append(what)
            if act == "resume":
                if what not in self._holding:
                    raise LookupError(f"{what} is not held back")
                self._holding.remove(what)
            if act in ("release", "drop"):
                one = next((one for one in self._all if one.n == what and one.state == "held"), None)
                if one is None:
                    raise LookupError(f"no held delivery {what}")
                one.state = "dropped" if act == "drop" else "delivering"
        if act == "release":
            _start(one)
        return self.since(0)

    def redeliver(self, wanted: dict) -> dict:
        """`POST /_local/redeliver`: delivers the same body again, of delivery `n`, or else of the last that matches."""
        if set(wanted) - {"topic", "function", "alarm", "n"} or len(set(wanted) & {"topic", "function", "alarm"}) > 1:
            raise ValueError('at most one of {"topic": name}, {"function": name}, {"alarm": name}, and "n": number of a delivery')
        name = next((wanted[key] for key in ("topic", "function", "alarm") if key in wanted), None)
        number = wanted.get("n")
        with self._lock:
            known = [
                one for one in self._all
                if one.state in ("delivered", "failed", "delivering") and (name is None or one.is_for(name)) and number in (None, one.n)
            ]  # fmt: skip
            if not known:
                raise LookupError(f"nothing was delivered that {json.dumps(wanted)} means")
            old = known[-1]
            new = Delivery(next(self._numbers), now_ms(), old.via, old.source, old.function, old.alarm, old.alarmState, old.event,
                           again=old.n, context=old.context.copy())  # fmt: skip
            self._all.append(new)
        _start(new)
        return new.as_json()


def about(event) -> tuple[str | None, str | None]:
    """(alarm's name, new state) of an event in any of the three shapes."""
    try:
        if "Records" in event:
            message = json.loads(event["Records"][0]["Sns"]["Message"])
            return message["AlarmName"], message["NewStateValue"]
        data = event.get("alarmData") or event["detail"]
        return data["alarmName"], data["state"]["value"]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return None, None


def _start(one: Delivery) -> None:
    """Delivers in the sender's account and Region, without blocking the sender."""
    threading.Thread(target=one.context.copy().run, args=(_deliver, one), daemon=True).start()


def _deliver(one: Delivery) -> None:
    """Puts it into Lambda's queue, which retries if the function fails or has no free slot."""

    def ended(succeeded: bool, attempts: int) -> None:
        one.attempts, one.state = attempts, "delivered" if succeeded else "failed"

    for attempt in range(1, SNS_ATTEMPTS + 1 if one.via == "sns" else 2):
        one.attempts = attempt
        try:
            return invoke_async_by_arn(one.function, one.event, wait_ms=ms("snsRetryMs") if one.via == "sns" else None, ended=ended)
        except LookupError:
            time.sleep(ms("snsRetryMs") / 1000)
    one.state = "failed"
    return None


@dataclass
class Message:
    """One message published to a topic, with the field names of `/_local/messages`."""

    n: int
    at: int
    topic: str
    subject: str | None
    message: str


deliveries = Deliveries()
_messages: deque[Message] = deque(maxlen=LIMIT)
_message_numbers = itertools.count(1)


def messages(n: int) -> list[dict]:
    """All messages published to the topics, oldest first: the inboxes of a topic's subscribers cannot be read."""
    return [asdict(message) for message in list(_messages) if message.n > n]


def _fanout(topic_arn, msg_id, message, subject, *args, **kwargs) -> None:
    _messages.append(Message(next(_message_numbers), now_ms(), topic_arn, subject or None, message))
    _ministack_fanout(topic_arn, msg_id, message, subject, *args, **kwargs)


def _to_lambda(endpoint, envelope, topic_arn, sub_arn, msg_id, raw_message, message_attributes) -> None:
    """A notification as Lambda gets it, which differs from that over HTTP in field names and in optional fields."""
    attributes = {
        name: {"Type": value.get("DataType", "String"), "Value": value.get("StringValue", "")}
        for name, value in message_attributes.items()
    }
    subject = None
    if envelope.startswith("{"):
        subject = json.loads(envelope).get("Subject")
    notification = {
        "Type": "Notification", "MessageId": msg_id, "TopicArn": topic_arn, "Subject": subject, "Message": raw_message,
        "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{now_ms() % 1000:03d}Z",
        "SignatureVersion": "1", "Signature": uuid.uuid4().hex, "SigningCertUrl": "https://sns.local/cert.pem",
        "UnsubscribeUrl": f"https://sns.local/?Action=Unsubscribe&SubscriptionArn={sub_arn}", "MessageAttributes": attributes,
    }  # fmt: skip
    record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": sub_arn, "Sns": notification}
    deliveries.hand_over("sns", topic_arn, endpoint, {"Records": [record]})


def _by_topic(params):
    """ListSubscriptionsByTopic in pages of a hundred; ministack answers all at once."""
    topic, refused = sns._get_topic(sns._p(params, "TopicArn"), "sns:ListSubscriptionsByTopic")
    if refused is not None:
        return refused
    token = sns._p(params, "NextToken") or "0"
    if not token.isdigit():
        return sns._error("InvalidParameter", f"Invalid parameter: NextToken Reason: {token} is not one that was answered", 400)
    start, every = int(token), topic["subscriptions"]
    more = f"<NextToken>{start + 100}</NextToken>" if len(every) > start + 100 else ""
    members = "".join(
        f"<member><SubscriptionArn>{one['arn']}</SubscriptionArn><Owner>{one.get('owner', '')}</Owner><TopicArn>{topic['arn']}</TopicArn>"
        f"<Protocol>{one['protocol']}</Protocol><Endpoint>{sns._xml_escape(one['endpoint'])}</Endpoint></member>"
        for one in every[start : start + 100]
    )
    result = f"<ListSubscriptionsByTopicResult><Subscriptions>{members}</Subscriptions>{more}</ListSubscriptionsByTopicResult>"
    return sns._xml(200, "ListSubscriptionsByTopicResponse", result)


_ministack_fanout = sns._fanout


def install() -> None:
    sns._fanout = _fanout
    sns._deliver_to_lambda = _to_lambda
    sns._list_subscriptions_by_topic = _by_topic
