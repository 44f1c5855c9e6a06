"""The forms of Django's admin for people and groups; each change is an act."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import ModelAdmin, StackedInline
from django.contrib.auth.admin import UserAdmin
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from entrypoints.web.console.people.models import Access
from entrypoints.web.console.people.roles import is_admin_of_all
from entrypoints.web.console.people.written_down import facts_of, write_down


class _OfAdmins:
    """Allowed to admins of all feeds, and to nobody by Django's own permissions."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """As for all."""
        return is_admin_of_all(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for all."""
        return is_admin_of_all(request.user)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for all."""
        return is_admin_of_all(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for all."""
        return is_admin_of_all(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for all."""
        return is_admin_of_all(request.user)


class _WrittenDown(_OfAdmins):
    """What is done here is an act, too, with how somebody was before."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Somebody as they are before they are changed; that is kept beside."""
        found = super().get_object(request, object_id, from_field)  # type: ignore[misc]
        if found is not None:
            found.facts_before = facts_of(found)
        return found

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write down that somebody is new."""
        write_down(request, "add", request.user.get_username(), obj)
        return super().log_addition(request, obj, message)  # type: ignore[misc]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write down how somebody is now."""
        write_down(request, "change", request.user.get_username(), obj, obj.facts_before)
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Write down who is no more."""
        for each in queryset:
            write_down(request, "delete", request.user.get_username(), each, facts_of(each))
        return super().log_deletions(request, queryset)  # type: ignore[misc]


class PersonAdmin(_WrittenDown, UserAdmin):  # type: ignore[type-arg]
    """A person: name, address, groups; no flags of Django's own."""

    list_display = ("username", "email", "is_active", "last_login")
    list_filter = ("groups", "is_active")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "groups")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email", "usable_password", "password1", "password2")}),
    )

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """Change a password and write that down, or neither: Django has no transaction here."""
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)


class _AccessInline(_OfAdmins, StackedInline):  # type: ignore[type-arg]
    model = Access
    can_delete = False
    min_num = 1

    def formfield_for_dbfield(self, db_field: Any, request: Any, **facts: Any) -> Any:
        """The field, without the model's default of all feeds: which they are must be said."""
        field = super().formfield_for_dbfield(db_field, request, **facts)
        if field is not None and db_field.name == "feeds":
            field.initial = None
        return field


class GroupAdmin(_WrittenDown, ModelAdmin):  # type: ignore[type-arg]
    """A group: its name, its role and for which feeds."""

    fields = ("name",)
    inlines = (_AccessInline,)
    search_fields = ("name",)
    list_display = ("name", "access")
