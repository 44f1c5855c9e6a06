"""Forms of ours in the place of allauth's."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import TOTP


class AppForm(ActivateTOTPForm):  # type: ignore[misc]
    """Joins an app whose codes are a second factor."""

    def clean_code(self) -> str:
        """The code; it is used up by this, and lets nobody in who has seen it."""
        code = str(super().clean_code())
        TOTP(Authenticator(user=self.user))._mark_code_used(code)
        return code
