"""Where alerts go: mail, a chat's webhook, any command."""

from connectors.alerts.command import CommandConfig, CommandDestination
from connectors.alerts.mail import MailDestination, MailDestinationConfig
from connectors.alerts.webhook import WebhookConfig, WebhookDestination

__all__ = [
    "CommandConfig",
    "CommandDestination",
    "MailDestination",
    "MailDestinationConfig",
    "WebhookConfig",
    "WebhookDestination",
]
