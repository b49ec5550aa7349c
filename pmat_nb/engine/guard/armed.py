"""The scopes of one kernel: those that run, those that threads outlive, the standing one."""

from __future__ import annotations

from .token import Token

__all__ = ["MIB", "Armed"]

MIB = 1024**2


class Armed:
    """What is armed now; tokens by their ``seq``."""

    def __init__(self) -> None:
        self.running: dict[int, Token] = {}
        self.lingering: dict[int, Token] = {}
        self.standing: Token | None = None
        self._next_seq = 1

    def new_token(self, limit_bytes: int | None, scope: str, now_ns: int) -> Token:
        """A token with a number of its own, not armed yet."""
        token = Token(self._next_seq, limit_bytes, scope, now_ns)
        self._next_seq += 1
        return token

    @property
    def last_seq(self) -> int:
        """The number of the newest token, standing or not."""
        return self._next_seq - 1

    def all(self) -> list[Token]:
        """Every token, the standing one first."""
        standing = [self.standing] if self.standing is not None else []
        return [*standing, *self.lingering.values(), *self.running.values()]

    def find(self, seq: int) -> Token | None:
        """The token that a stop means, None where its scope is over."""
        if self.standing is not None and seq == self.standing.seq:
            return self.standing
        return self.running.get(seq) or self.lingering.get(seq)

    def forget_all(self) -> None:
        """Let go of every token."""
        self.running.clear()
        self.lingering.clear()
        self.standing = None

    def threshold(self, token: Token) -> int | None:
        """The tighter of the scope's own limit and the standing one, in total bytes."""
        bounds = []
        if token.limit_bytes is not None:
            base = token.baseline_bytes if token.scope == "cell" else 0
            bounds.append(base + token.limit_bytes)
        standing = self.standing
        if standing is not None and standing.limit_bytes is not None and not standing.warn_only:
            bound = standing.limit_bytes
            if token.baseline_bytes >= bound:
                # Over it already: room enough for `del` and a cleanup.
                bound = token.baseline_bytes + max(64 * MIB, bound // 20)
            bounds.append(bound)
        return min(bounds, default=None)
