"""What a person chooses on the console: restaurants and sound."""

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from console.models import Preferences, Sound
from console.pages.frame import sees_orders
from core.access import AnyUser, visible_to
from organizations.models.organization import Organization


class PreferencesForm(forms.Form):
    restaurants = forms.ModelMultipleChoiceField(Organization.objects.none(), required=False)
    sound = forms.ChoiceField(choices=Sound.choices, required=False)

    def __init__(self, data: QueryDict, *, user: AnyUser) -> None:
        super().__init__(data)
        offered = visible_to(user, Organization.objects.filter(is_active=True))
        self.fields["restaurants"].queryset = offered  # type: ignore[attr-defined]


@require_POST
@sees_orders
def choose(request: HttpRequest) -> HttpResponse:
    """Keep what was chosen; what a form does not name stays as it is."""
    preferences, _is_new = Preferences.objects.get_or_create(user=request.user)
    form = PreferencesForm(request.POST, user=request.user)
    if form.is_valid():
        if "picker" in request.POST:
            preferences.restaurants.set(form.cleaned_data["restaurants"])
        if sound := form.cleaned_data["sound"]:
            preferences.sound = sound
            preferences.save(update_fields=["sound"])
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    return redirect(back if is_ours else "console:board")
