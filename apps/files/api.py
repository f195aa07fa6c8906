"""REST: uploads, and the files of a channel."""

from collections.abc import Mapping
from typing import IO, Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api import CURSOR, LIMIT, NOTHING, parsed
from apps.accounts.authentication import principal_of
from apps.core.errors import InvalidError, TooLargeError
from apps.core.fields import Id, Text, Whole
from apps.core.pagination import parse_limit
from apps.files import actions, queries
from apps.files.actions.upload import PIECE_MAX
from apps.files.names import NAME_MAX

_DIGITS = 15
OFFSET = OpenApiParameter("Upload-Offset", int, OpenApiParameter.HEADER, required=True)


class UploadIn(serializers.Serializer[Any]):
    workspace_id = Id()
    name = Text(max_length=NAME_MAX * 4)
    size = Whole()
    keep_metadata = serializers.BooleanField(default=False)


class FileOut(serializers.Serializer[Any]):
    id = Id()
    name = serializers.CharField()
    type = serializers.CharField()
    size = serializers.IntegerField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    url = serializers.CharField()
    preview_url = serializers.CharField(allow_null=True)
    thumb_url = serializers.CharField(allow_null=True)
    owner_id = Id()
    channel_id = Id(allow_null=True)
    message_id = Id(allow_null=True)
    created_at = serializers.IntegerField()
    received = serializers.IntegerField()
    complete = serializers.BooleanField()


class FilesOut(serializers.Serializer[Any]):
    results = FileOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class BytesParser(BaseParser):
    media_type = "application/octet-stream"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002 - DRF's signature
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> Any:
        data: bytes = stream.read(PIECE_MAX + 1)
        if len(data) > PIECE_MAX:
            raise TooLargeError(f"A piece has at most {PIECE_MAX} bytes.")
        return data


class UploadListView(APIView):
    @extend_schema(request=UploadIn, responses={201: FileOut})
    def post(self, request: Request) -> Response:
        made = actions.begin_upload(actor=principal_of(request), **parsed(UploadIn, request))
        return Response(queries.present_file(made), status=status.HTTP_201_CREATED)


class UploadView(APIView):
    @extend_schema(responses=FileOut)
    def get(self, request: Request, file_id: int) -> Response:
        return Response(queries.present_file(queries.own_upload(actor=principal_of(request), file_id=file_id)))

    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, file_id: int) -> Response:
        actions.discard_upload(actor=principal_of(request), file_id=file_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class UploadBytesView(APIView):
    parser_classes = [BytesParser]

    @extend_schema(responses={200: NOTHING}, description="Upload-Offset and Upload-Length say where the upload stands.")
    def head(self, request: Request, file_id: int) -> Response:
        found = queries.own_upload(actor=principal_of(request), file_id=file_id)
        return Response(
            headers={
                "Upload-Offset": str(found.received),
                "Upload-Length": str(found.size),
                "Cache-Control": "no-store",
            }
        )

    @extend_schema(
        parameters=[OFFSET], request={"application/octet-stream": OpenApiTypes.BINARY}, responses={200: FileOut}
    )
    def patch(self, request: Request, file_id: int) -> Response:
        offset = request.headers.get("Upload-Offset", "")
        if not (offset.isascii() and offset.isdigit() and len(offset) <= _DIGITS):
            raise InvalidError(errors={"Upload-Offset": ["How many bytes the server has already."]})
        found = actions.append_bytes(
            actor=principal_of(request),
            file_id=file_id,
            offset=int(offset),
            data=bytes(request.data),  # type: ignore[arg-type]  # BytesParser's
        )
        return Response(queries.present_file(found), headers={"Upload-Offset": str(found.received)})


class ChannelFilesView(APIView):
    @extend_schema(parameters=[CURSOR, LIMIT], responses=FilesOut)
    def get(self, request: Request, channel_id: int) -> Response:
        page = queries.of_channel(
            actor=principal_of(request),
            channel_id=channel_id,
            cursor=request.query_params.get("cursor") or None,
            limit=parse_limit(request.query_params.get("limit")),
        )
        return Response(
            {"results": [queries.present_file(row) for row in page.results], "next_cursor": page.next_cursor}
        )
