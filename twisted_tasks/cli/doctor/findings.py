"""What a check-up finds: a list of findings, good and bad, each in plain words and with what to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.text import Text

from twisted_tasks.cli.screen import Screen, clean

_MARKS = {"ok": ("ok  ", "green"), "note": ("note", "yellow"), "bad": ("BAD ", "bold red")}


@dataclass
class Findings:
    """Prints each finding as it comes, and remembers whether any was bad."""

    screen: Screen
    as_json: bool
    bad: int = field(default=0)

    def ok(self, about: str, text: str) -> None:
        """Something is as it should be."""
        self._say("ok", about, text, "")

    def note(self, about: str, text: str, advice: str = "") -> None:
        """Something works, and its owner may want to know."""
        self._say("note", about, text, advice)

    def wrong(self, about: str, text: str, advice: str = "") -> None:
        """Something does not work."""
        self.bad += 1
        self._say("bad", about, text, advice)

    def _say(self, kind: str, about: str, text: str, advice: str) -> None:
        text, advice = clean(" ".join(text.split())), clean(advice)
        if self.as_json:
            self.screen.data({"result": kind, "about": about, "text": text, "advice": advice})
            return
        mark, style = _MARKS[kind]
        line = Text.assemble((mark, style), f"  {about:11} {text}")
        self.screen.out.print(line, soft_wrap=True)
        if advice:
            self.screen.out.print(Text(f"      {'':11} -> {advice}", "bold"), soft_wrap=True)
