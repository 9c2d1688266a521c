"""``POST webhooks/iiko`` for servers that pass ``webhooks.receiving.view`` by, and for the schema."""

from django.http import HttpRequest, HttpResponse
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.views import APIView

from webhooks.receiving import view


class StoredSerializer(serializers.Serializer[object]):
    status = serializers.ChoiceField(["OK", "ignored"], help_text="`ignored`: it held no messages.")


class RefusedSerializer(serializers.Serializer[object]):
    status = serializers.CharField(help_text="A stable code.")
    detail = serializers.CharField()


_BODY = {"oneOf": [{"type": "array", "items": {"type": "object"}}, {"type": "object"}]}
_EXAMPLE = [
    {
        "eventType": "DeliveryOrderUpdate",
        "eventTime": "2026-03-14 13:54:53.100",
        "organizationId": "6b1f2f0c-3d5e-4a7b-9c8d-0e1f2a3b4c5d",
        "correlationId": "e4f5a6b7-c8d9-4e0f-a1b2-c3d4e5f6a7b8",
        "eventInfo": {
            "id": "3c5e7a91-b2d4-4f60-8172-93a4b5c6d7e8",
            "externalNumber": "WEB-117",
            "timestamp": 1773496492930,
            "creationStatus": "Success",
            "order": {"status": "OnWay"},
        },
    }
]


def _refusal(words: str, *codes: str) -> OpenApiResponse:
    examples = [OpenApiExample(code, {"status": code, "detail": words}, response_only=True) for code in codes]
    return OpenApiResponse(RefusedSerializer, description=words, examples=examples)


_described = extend_schema(
    operation_id="webhooks_receive",
    summary="Where iiko delivers its events",
    description="Cloud events in an array or alone, or one SOI message. The webhook's token stands in "
    "`Authorization` (with or without `Bearer `) or `authToken`; API keys do not open it. The answer "
    "says that the body is stored; it is applied soon after.",
    request={"application/json": _BODY},
    parameters=[
        OpenApiParameter("authToken", str, OpenApiParameter.HEADER, description="The webhook's token.")
    ],
    examples=[OpenApiExample("Cloud", value=_EXAMPLE, request_only=True)],
    auth=[],
    responses={
        200: OpenApiResponse(StoredSerializer, description="Stored; a repeat counts as stored."),
        400: _refusal("The connection broke before the body had arrived.", "incomplete"),
        401: _refusal("The token is missing or wrong; nothing was stored.", "unauthorized"),
        405: _refusal("Not a POST.", "method_not_allowed"),
        413: _refusal("Larger than WEBHOOK_MAX_BODY_BYTES, or too many messages at once.", "too_large"),
        415: _refusal("Compressed; send the body as it is.", "unsupported_encoding"),
        429: _refusal(
            "Too many wrong tokens from this address; a right one is always taken.", "too_many_wrong_tokens"
        ),
        503: _refusal(
            "Not stored: the database is away, or busy with other large bodies. Send it again.",
            "unavailable",
            "busy",
        ),
    },
)


class ReceiveView(APIView):
    """Take what iiko delivers.

    Nothing of the framework's stands in front: no method, type or Host is refused by it, no body parsed.
    """

    describes_every_answer = True

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    parser_classes = ()
    schema = AutoSchema()  # the usual one adds answers that are not given here

    def dispatch(self, request: HttpRequest, *args: object, **options: object) -> HttpResponse:
        answer = view.answer_webhook(request)
        return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))

    @_described
    def post(self, request: HttpRequest) -> HttpResponse:
        """Stand in the schema; ``dispatch`` answers."""
        return self.dispatch(request)
