"""Who may sign in, and as whom: accounts, and what maps an account to a FHIR profile, a practice and a policy."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from .managers import UserManager


class User(AbstractBaseUser):
    """An account; what it may see is said by the policies of its memberships and by nothing here."""

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=200, blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    objects = UserManager()

    USERNAME_FIELD = EMAIL_FIELD = "email"

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_unique"),
            # Look-ups compare exactly: an address that is not in small letters would never be found.
            models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_small"),
        ]

    def __str__(self) -> str:
        return self.name or self.email


class Membership(models.Model):
    """An account or a machine client acts in a practice as a FHIR profile (`Practitioner/alice`), limited by a policy.

    Without a policy everything is denied. An account may have several: a carer has one for each patient. A client
    has one.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="memberships")
    client = models.OneToOneField("allauth_idp_oidc.Client", on_delete=models.CASCADE, null=True, blank=True)
    practice = models.ForeignKey("inbox.Practice", on_delete=models.PROTECT, related_name="+")
    profile = models.CharField(max_length=200)
    policy = models.ForeignKey("inbox.AccessPolicy", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    display = models.CharField(max_length=200, blank=True)
    active = models.BooleanField(default=True)
    created = models.DateTimeField(auto_now_add=True)
    last_used = models.DateTimeField(null=True, blank=True)

    is_authenticated = True
    """What the REST framework asks of whoever acts."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "practice", "profile"], name="membership_identity"),
            models.CheckConstraint(
                condition=Q(user__isnull=False, client__isnull=True) | Q(user__isnull=True, client__isnull=False),
                name="membership_of_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.client} as {self.profile}"

    @property
    def is_app(self) -> bool:
        """Whether this is a client that people let act for them, and that has no secret."""
        return self.client is not None and self.client.type == "public"


def policies_of(practice: int, profile: str) -> list[str]:
    """The JSON of the policies under which a profile may act today; "" stands for a membership without one."""
    found = Membership.objects.filter(practice=practice, profile=profile, active=True)
    found = found.filter(Q(user__is_active=True) | Q(client__isnull=False))
    return [text or "" for text in found.order_by("id").values_list("policy__body", flat=True)]
