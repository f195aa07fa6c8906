"""REST: what is one person's own."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api import CURSOR, LIMIT, NOTHING, parsed
from apps.accounts.authentication import principal_of
from apps.core.fields import Flag, Id, Text, Whole
from apps.core.pagination import parse_limit
from apps.core.threads import wait
from apps.desk import actions, queries
from apps.messaging.api import MessageOut, MessageText, MessagingView

TEXT_MAX = 12_000
ORIGIN_MAX = 64
THREAD = OpenApiParameter("thread_id", str, description="Of the draft of a reply.")
ORIGIN = OpenApiParameter("origin", str, description="Comes back in the event, so that a client knows its own change.")


class DraftIn(serializers.Serializer[Any]):
    text = MessageText()
    thread_id = Id(required=False, allow_null=True)
    origin = Text(required=False, allow_null=True, max_length=ORIGIN_MAX)


class _DropIn(serializers.Serializer[Any]):
    thread_id = Id(required=False)
    origin = Text(required=False, max_length=ORIGIN_MAX)


class DraftOut(serializers.Serializer[Any]):
    workspace_id = Id()
    channel_id = Id()
    thread_id = Id(allow_null=True)
    text = serializers.CharField()
    updated_at = serializers.IntegerField()


class DraftsOut(serializers.Serializer[Any]):
    results = DraftOut(many=True)


class SavedIn(serializers.Serializer[Any]):
    done = Flag(required=False)


class SavedOut(serializers.Serializer[Any]):
    message_id = Id()
    channel_id = Id()
    message = MessageOut(allow_null=True)
    saved_at = serializers.IntegerField()
    done = serializers.BooleanField()


class SavedPageOut(serializers.Serializer[Any]):
    results = SavedOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    ids = serializers.ListField(child=Id(), required=False)


class ScheduleIn(serializers.Serializer[Any]):
    channel_id = Id()
    text = MessageText()
    at = Whole()
    thread_id = Id(required=False, allow_null=True)
    also_in_channel = Flag(required=False)


class RescheduleIn(serializers.Serializer[Any]):
    text = MessageText(required=False)
    at = Whole(required=False)


class ScheduledOut(serializers.Serializer[Any]):
    id = Id()
    workspace_id = Id()
    channel_id = Id()
    thread_id = Id(allow_null=True)
    also_in_channel = serializers.BooleanField()
    text = serializers.CharField()
    at = serializers.IntegerField()
    problem = serializers.CharField(allow_null=True)


class ScheduledListOut(serializers.Serializer[Any]):
    results = ScheduledOut(many=True)


class RemindIn(serializers.Serializer[Any]):
    at = Whole()
    text = Text(required=False, allow_blank=True, max_length=TEXT_MAX)
    message_id = Id(required=False, allow_null=True)


class PutOffIn(serializers.Serializer[Any]):
    at = Whole()


class ReminderOut(serializers.Serializer[Any]):
    id = Id()
    workspace_id = Id()
    channel_id = Id(allow_null=True)
    message_id = Id(allow_null=True)
    text = serializers.CharField()
    at = serializers.IntegerField()
    due = serializers.BooleanField()


class ReminderListOut(serializers.Serializer[Any]):
    results = ReminderOut(many=True)


class SectionIO(serializers.Serializer[Any]):
    id = Text(max_length=40)
    name = Text(max_length=60)
    channel_ids = serializers.ListField(child=Id(), max_length=2000)


class SidebarIO(serializers.Serializer[Any]):
    starred = serializers.ListField(child=Id(), max_length=2000)
    sections = SectionIO(many=True)


class DraftListView(MessagingView):
    @extend_schema(responses=DraftsOut)
    def get(self, request: Request) -> Response:
        return Response({"results": wait(queries.drafts, actor=principal_of(request))})


class DraftView(MessagingView):
    @extend_schema(request=DraftIn, responses={204: NOTHING})
    def put(self, request: Request, channel_id: int) -> Response:
        wait(actions.keep_draft, actor=principal_of(request), channel_id=channel_id, **parsed(DraftIn, request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(parameters=[THREAD, ORIGIN], responses={204: NOTHING})
    def delete(self, request: Request, channel_id: int) -> Response:
        form = _DropIn(data=dict(request.query_params.items()))
        form.is_valid(raise_exception=True)
        wait(actions.drop_draft, actor=principal_of(request), channel_id=channel_id, **form.validated_data)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SavedView(MessagingView):
    @extend_schema(request=SavedIn, responses={204: NOTHING})
    def put(self, request: Request, message_id: int) -> Response:
        wait(actions.save_message, actor=principal_of(request), message_id=message_id, **parsed(SavedIn, request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, message_id: int) -> Response:
        wait(actions.unsave_message, actor=principal_of(request), message_id=message_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SavedListView(MessagingView):
    @extend_schema(
        parameters=[
            OpenApiParameter("done", bool, description="Those that are done, instead of those to do."),
            OpenApiParameter("ids", bool, description="Also the message ids of all that is to do, the newest 500."),
            CURSOR,
            LIMIT,
        ],
        responses=SavedPageOut,
    )
    def get(self, request: Request, workspace_id: int) -> Response:
        actor, params = principal_of(request), request.query_params
        page = wait(
            queries.saved,
            actor=actor,
            workspace_id=workspace_id,
            done=params.get("done") == "true",
            cursor=params.get("cursor"),
            limit=parse_limit(params.get("limit")),
        )
        answer: dict[str, Any] = {"results": page.results, "next_cursor": page.next_cursor}
        if params.get("ids") == "true":
            answer["ids"] = wait(queries.saved_ids, actor=actor, workspace_id=workspace_id)
        return Response(answer)


class ScheduledListView(MessagingView):
    @extend_schema(responses=ScheduledListOut)
    def get(self, request: Request, workspace_id: int) -> Response:
        found = wait(queries.scheduled, actor=principal_of(request), workspace_id=workspace_id)
        return Response({"results": found})

    @extend_schema(request=ScheduleIn, responses={201: ScheduledOut})
    def post(self, request: Request, workspace_id: int) -> Response:  # noqa: ARG002 - the channel says it too
        actor = principal_of(request)
        row = wait(actions.schedule_message, actor=actor, **parsed(ScheduleIn, request))
        (found,) = wait(queries.present_scheduled, [row], user_id=actor.user_id)
        return Response(found, status=status.HTTP_201_CREATED)


class ScheduledView(MessagingView):
    @extend_schema(request=RescheduleIn, responses=ScheduledOut)
    def patch(self, request: Request, scheduled_id: int) -> Response:
        actor = principal_of(request)
        changes = parsed(RescheduleIn, request)
        row = wait(actions.change_scheduled, actor=actor, scheduled_id=scheduled_id, **changes)
        (found,) = wait(queries.present_scheduled, [row], user_id=actor.user_id)
        return Response(found)

    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, scheduled_id: int) -> Response:
        wait(actions.cancel_scheduled, actor=principal_of(request), scheduled_id=scheduled_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SendNowView(MessagingView):
    @extend_schema(request=None, responses={204: NOTHING})
    def post(self, request: Request, scheduled_id: int) -> Response:
        wait(actions.send_now, actor=principal_of(request), scheduled_id=scheduled_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ReminderListView(MessagingView):
    @extend_schema(responses=ReminderListOut)
    def get(self, request: Request, workspace_id: int) -> Response:
        found = wait(queries.reminders, actor=principal_of(request), workspace_id=workspace_id)
        return Response({"results": found})

    @extend_schema(request=RemindIn, responses={201: ReminderOut})
    def post(self, request: Request, workspace_id: int) -> Response:
        actor = principal_of(request)
        row = wait(actions.remind, actor=actor, workspace_id=workspace_id, **parsed(RemindIn, request))
        (found,) = wait(queries.present_reminders, [row], user_id=actor.user_id)
        return Response(found, status=status.HTTP_201_CREATED)


class ReminderView(MessagingView):
    @extend_schema(request=PutOffIn, responses=ReminderOut)
    def patch(self, request: Request, reminder_id: int) -> Response:
        actor = principal_of(request)
        row = wait(actions.change_reminder, actor=actor, reminder_id=reminder_id, **parsed(PutOffIn, request))
        (found,) = wait(queries.present_reminders, [row], user_id=actor.user_id)
        return Response(found)

    @extend_schema(responses={204: NOTHING})
    def delete(self, request: Request, reminder_id: int) -> Response:
        wait(actions.finish_reminder, actor=principal_of(request), reminder_id=reminder_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SidebarView(MessagingView):
    @extend_schema(responses=SidebarIO)
    def get(self, request: Request, workspace_id: int) -> Response:
        return Response(queries.sidebar(actor=principal_of(request), workspace_id=workspace_id))

    @extend_schema(request=SidebarIO, responses=SidebarIO)
    def put(self, request: Request, workspace_id: int) -> Response:
        return Response(
            actions.arrange_sidebar(
                actor=principal_of(request), workspace_id=workspace_id, **parsed(SidebarIO, request)
            )
        )
