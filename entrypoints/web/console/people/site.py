"""Django's admin: for people and their groups, and for nothing else."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.models import Group
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from entrypoints.web.console.people.admin import GroupAdmin, PersonAdmin
from entrypoints.web.console.people.models import Person
from entrypoints.web.console.people.roles import is_admin_of_all


class PeopleSite(AdminSite):
    """For admins of all feeds alone, whatever Django's own flags say."""

    site_header = site_title = "Waybill"
    index_title = "People and groups"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether somebody may open it at all."""
        return is_admin_of_all(request.user)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:  # type: ignore[override]
        """There is one page to sign in at, with one limit of tries."""
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(str(request.GET.get("next", "/")))


people_site = PeopleSite(name="admin")
people_site.register(Person, PersonAdmin)
people_site.register(Group, GroupAdmin)
