from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PostRequest(_message.Message):
    __slots__ = ("channel_id", "sender_id", "text", "type", "client_msg_id", "thread_id", "also_in_channel", "retry", "tag", "file_ids")
    CHANNEL_ID_FIELD_NUMBER: _ClassVar[int]
    SENDER_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_MSG_ID_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    ALSO_IN_CHANNEL_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    FILE_IDS_FIELD_NUMBER: _ClassVar[int]
    channel_id: int
    sender_id: int
    text: str
    type: str
    client_msg_id: str
    thread_id: int
    also_in_channel: bool
    retry: bool
    tag: int
    file_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, channel_id: _Optional[int] = ..., sender_id: _Optional[int] = ..., text: _Optional[str] = ..., type: _Optional[str] = ..., client_msg_id: _Optional[str] = ..., thread_id: _Optional[int] = ..., also_in_channel: _Optional[bool] = ..., retry: _Optional[bool] = ..., tag: _Optional[int] = ..., file_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class PostResponse(_message.Message):
    __slots__ = ("message_id", "timestamp", "tag", "problem")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    message_id: int
    timestamp: int
    tag: int
    problem: Problem
    def __init__(self, message_id: _Optional[int] = ..., timestamp: _Optional[int] = ..., tag: _Optional[int] = ..., problem: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...

class EditRequest(_message.Message):
    __slots__ = ("message_id", "text")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    message_id: int
    text: str
    def __init__(self, message_id: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class EditResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteRequest(_message.Message):
    __slots__ = ("message_id",)
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    message_id: int
    def __init__(self, message_id: _Optional[int] = ...) -> None: ...

class DeleteResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReactRequest(_message.Message):
    __slots__ = ("message_id", "emoji", "on")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    EMOJI_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    message_id: int
    emoji: str
    on: bool
    def __init__(self, message_id: _Optional[int] = ..., emoji: _Optional[str] = ..., on: _Optional[bool] = ...) -> None: ...

class ReactResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Problem(_message.Message):
    __slots__ = ("code", "detail", "retry_after", "errors", "extra")
    class ExtraEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    EXTRA_FIELD_NUMBER: _ClassVar[int]
    code: str
    detail: str
    retry_after: float
    errors: _containers.RepeatedCompositeFieldContainer[FieldErrors]
    extra: _containers.ScalarMap[str, str]
    def __init__(self, code: _Optional[str] = ..., detail: _Optional[str] = ..., retry_after: _Optional[float] = ..., errors: _Optional[_Iterable[_Union[FieldErrors, _Mapping]]] = ..., extra: _Optional[_Mapping[str, str]] = ...) -> None: ...

class FieldErrors(_message.Message):
    __slots__ = ("field", "texts")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    field: str
    texts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, field: _Optional[str] = ..., texts: _Optional[_Iterable[str]] = ...) -> None: ...

class SignedBatch(_message.Message):
    __slots__ = ("body", "mac")
    BODY_FIELD_NUMBER: _ClassVar[int]
    MAC_FIELD_NUMBER: _ClassVar[int]
    body: bytes
    mac: bytes
    def __init__(self, body: _Optional[bytes] = ..., mac: _Optional[bytes] = ...) -> None: ...

class CommandBatch(_message.Message):
    __slots__ = ("number", "commands")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    number: int
    commands: _containers.RepeatedCompositeFieldContainer[Command]
    def __init__(self, number: _Optional[int] = ..., commands: _Optional[_Iterable[_Union[Command, _Mapping]]] = ...) -> None: ...

class Command(_message.Message):
    __slots__ = ("tag", "timeout_ms", "actor", "post", "edit", "delete", "react")
    TAG_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    POST_FIELD_NUMBER: _ClassVar[int]
    EDIT_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    REACT_FIELD_NUMBER: _ClassVar[int]
    tag: int
    timeout_ms: int
    actor: Actor
    post: PostRequest
    edit: EditRequest
    delete: DeleteRequest
    react: ReactRequest
    def __init__(self, tag: _Optional[int] = ..., timeout_ms: _Optional[int] = ..., actor: _Optional[_Union[Actor, _Mapping]] = ..., post: _Optional[_Union[PostRequest, _Mapping]] = ..., edit: _Optional[_Union[EditRequest, _Mapping]] = ..., delete: _Optional[_Union[DeleteRequest, _Mapping]] = ..., react: _Optional[_Union[ReactRequest, _Mapping]] = ...) -> None: ...

class Actor(_message.Message):
    __slots__ = ("user_id", "session_id", "is_bot", "scopes", "expires_at_ms")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    IS_BOT_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_MS_FIELD_NUMBER: _ClassVar[int]
    user_id: int
    session_id: int
    is_bot: bool
    scopes: Scopes
    expires_at_ms: int
    def __init__(self, user_id: _Optional[int] = ..., session_id: _Optional[int] = ..., is_bot: _Optional[bool] = ..., scopes: _Optional[_Union[Scopes, _Mapping]] = ..., expires_at_ms: _Optional[int] = ...) -> None: ...

class Scopes(_message.Message):
    __slots__ = ("names",)
    NAMES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, names: _Optional[_Iterable[str]] = ...) -> None: ...

class AnswerBatch(_message.Message):
    __slots__ = ("answers", "read", "draining")
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[Answer]
    read: int
    draining: bool
    def __init__(self, answers: _Optional[_Iterable[_Union[Answer, _Mapping]]] = ..., read: _Optional[int] = ..., draining: _Optional[bool] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("tag", "message_id", "timestamp", "problem")
    TAG_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    tag: int
    message_id: int
    timestamp: int
    problem: Problem
    def __init__(self, tag: _Optional[int] = ..., message_id: _Optional[int] = ..., timestamp: _Optional[int] = ..., problem: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...
