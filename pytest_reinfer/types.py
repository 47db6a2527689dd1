"""The objects of the API as typed dictionaries, to annotate your code with: `from pytest_reinfer.types import Dataset`.

Made by docs/make_types.py from schemas/: do not edit it here.
"""

import sys
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict


class Text(TypedDict):
    """The body or the signature of a message."""

    text: str
    """The text of one part of a message."""
    translated_from: NotRequired[str]
    """The text before it was translated."""
    text_markup: NotRequired[Any]
    """The text with its layout, of any shape and depth."""
    translated_from_markup: NotRequired[Any]
    """The text with its layout before it was translated."""


class Subject(TypedDict):
    """The `subject` of `Message`."""

    text: str
    """The text of one part of a message."""
    translated_from: NotRequired[str]
    """The subject before it was translated."""


# from: A sender or recipient.
_Message = TypedDict("_Message", {"from": NotRequired[str]})


class Message(_Message):
    """One message of a comment, for instance one e-mail of a thread."""

    body: Text
    subject: NotRequired[Subject]
    signature: NotRequired[Text]
    to: NotRequired[list[str]]
    cc: NotRequired[list[str]]
    bcc: NotRequired[list[str]]
    sent_at: NotRequired[str]
    """A moment as a caller may write it in ISO 8601: a date alone or with a time, with or without seconds, fraction and
    offset. Without an offset it is UTC.
    """
    language: NotRequired[str]


# Facts about a comment under names of the caller's choice. The prefix of the key says which type the value has.
UserProperties: TypeAlias = dict[str, str | float]


class Attachment(TypedDict):
    """A file that belongs to a comment."""

    name: str
    size: int
    """Bytes."""
    content_type: str
    content_hash: NotRequired[str]
    """What the upload of the file answered."""
    attachment_reference: NotRequired[str]
    """What the file is fetched by."""
    inline: NotRequired[bool]


# How the text of a comment's messages is written.
TextFormat: TypeAlias = Literal["plain", "markdown"]


class Comment(TypedDict):
    """A comment as the platform shows it. Answers may hold keys beyond these."""

    id: str
    """The identifier of a comment within its source: printable ASCII without space and slash."""
    uid: str
    """A comment's identifier across sources: source id, a dot, comment id. The first dot divides."""
    source_id: str
    """The identifier of a dataset, source, project or user: 16 lower-case hexadecimal digits, given out by the
    platform.
    """
    timestamp: str
    """The moment the caller gave the comment."""
    messages: list[Message]
    user_properties: UserProperties
    attachments: NotRequired[list[Attachment]]
    created_at: str
    """When the comment was uploaded."""
    last_modified: str
    """When the comment was last changed."""
    thread_id: NotRequired[str]
    text_format: NotRequired[TextFormat]
    """How the text of a comment's messages is written."""
    context: NotRequired[str]
    """Stands for the state of the comment; in the sample it is last_modified in milliseconds since 1970. Callers should
    treat it as opaque.
    """
    has_annotations: NotRequired[bool]
    """Whether anyone annotated the comment in any dataset."""


# The sentiment a person gave a label.
Sentiment: TypeAlias = Literal["positive", "negative"]


class LabelMetadata(TypedDict):
    """Who gave the label, and when."""

    user_id: NotRequired[str]
    timestamp: NotRequired[str]
    """A moment as the platform writes it: UTC with Z, the fraction in 6 digits (3 for model tags), left out when it is
    zero.
    """


class Label(TypedDict):
    """A label that a person gave a comment. There is no sentiment in a dataset without sentiment."""

    name: str
    """The full name of a label: the names from the root down, joined by ' > '. Up to 64 names of 1 to 64 characters, so
    4285 characters at most.
    """
    sentiment: NotRequired[Sentiment]
    """The sentiment a person gave a label."""
    instructions: NotRequired[str]
    metadata: NotRequired[LabelMetadata]


class LabelPrediction(TypedDict):
    """A label that the model gave a comment. Other than in an export, its name is a list of parts."""

    name: list[str]
    """The names from the root down."""
    probability: float
    """How sure the model is of a label."""
    sentiment: NotRequired[float]
    """The sentiment the model gives a label, from -1 (negative) to 1 (positive)."""
    auto_thresholds: NotRequired[list[str]]
    """Which thresholds set by the platform the probability passes."""


class Labelling(TypedDict):
    """What was said about a comment in one label group."""

    group: str
    """The name of a label group of the dataset; most have one, named default."""
    assigned: list[Label]
    """The labels that people gave it."""
    dismissed: list[Label]
    """The labels that people said do not fit."""
    uninformative: NotRequired[bool]
    """Whether somebody said that the comment tells nothing; absent where nobody said either."""
    predicted: NotRequired[list[LabelPrediction]]
    """The labels that the model gave it, where predictions are asked for."""


class EntitySpans(TypedDict):
    """One of `spans` of `Entity`."""

    content_part: NotRequired[Literal["body", "subject", "signature"]]
    message_index: NotRequired[int]
    char_start: NotRequired[int]
    char_end: NotRequired[int]
    utf16_byte_start: NotRequired[int]
    utf16_byte_end: NotRequired[int]


class Entity(TypedDict):
    """Something of a kind that was found in the text of a comment. It is kept and answered as it was given."""

    id: NotRequired[str]
    name: str
    """The name of an entity definition."""
    kind: NotRequired[str]
    formatted_value: NotRequired[str]
    """What it says, for people."""
    field_id: NotRequired[str]
    spans: NotRequired[list[EntitySpans]]
    """Where it stands in the text."""
    span: NotRequired[dict[str, Any]]
    """The first of the spans."""


class AnnotatedCommentEntities(TypedDict):
    """What people said of entities in the text."""

    assigned: list[Entity]
    dismissed: list[Entity]


class MoonForm(TypedDict):
    """Fields extracted for the labels of one group.

    What such a form holds is not described in public: it is kept and answered as it was given.
    """

    group: str
    """The name of a label group of the dataset; most have one, named default."""
    assigned: NotRequired[list[dict[str, Any]]]
    dismissed: NotRequired[list[dict[str, Any]]]


class AnnotatedComment(TypedDict):
    """A comment with all that people and the model said about it in a dataset."""

    comment: Comment
    labelling: list[Labelling]
    """What was said in each label group."""
    entities: AnnotatedCommentEntities
    moon_forms: NotRequired[list[MoonForm]]
    """Fields extracted for labels, where there are any."""


class AttributeFilterFilter(TypedDict):
    """How the attribute must be."""

    kind: Literal["string_any_of", "string_none_of", "number_range"]
    any_of: NotRequired[list[str]]
    none_of: NotRequired[list[str]]
    minimum: NotRequired[float]
    maximum: NotRequired[float]


class AttributeFilter(TypedDict):
    """Which comments are meant, by what they have. pytest-reinfer evaluates labels, and refuses the others."""

    attribute: str
    """Of what: labels, entities or attachment_property_ and a name."""
    filter: AttributeFilterFilter


class Bucket(TypedDict):
    """A bucket, where raw e-mails wait for the sources that they feed. Answers may hold keys beyond these."""

    id: str
    """The identifier of a dataset, source, project or user: 16 lower-case hexadecimal digits, given out by the
    platform.
    """
    owner: str
    """The project that holds the bucket."""
    name: str
    """The name of a bucket within its project."""
    title: str
    """A heading of one line for people to read."""
    created_at: str
    """A moment as the platform writes it: UTC with Z, the fraction in 6 digits (3 for model tags), left out when it is
    zero.
    """
    updated_at: str
    """A moment as the platform writes it: UTC with Z, the fraction in 6 digits (3 for model tags), left out when it is
    zero.
    """


class BucketUpdate(TypedDict):
    """What a caller changes of a bucket; what is absent stays."""

    title: NotRequired[str]
    """A heading of one line for people to read."""


class CommentFilterTimestamp(TypedDict):
    """Only comments of this time, both ends included."""

    minimum: NotRequired[str]
    """A moment as a caller may write it in ISO 8601: a date alone or with a time, with or without seconds, fraction and
    offset. Without an offset it is UTC.
    """
    maximum: NotRequired[str]
    """A moment as a caller may write it in ISO 8601: a date alone or with a time, with or without seconds, fraction and
    offset. Without an offset it is UTC.
    """


class CommentFilterMessagesFrom(TypedDict):
    """The sender."""

    one_of: NotRequired[list[str]]
    not_one_of: NotRequired[list[str]]


class CommentFilterMessagesTo(TypedDict):
    """A recipient."""

    one_of: NotRequired[list[str]]
    not_one_of: NotRequired[list[str]]


class CommentFilterMessagesCc(TypedDict):
    """A recipient of a copy."""

    one_of: NotRequired[list[str]]
    not_one_of: NotRequired[list[str]]


class CommentFilterMessagesBcc(TypedDict):
    """A recipient of a blind copy."""

    one_of: NotRequired[list[str]]
    not_one_of: NotRequired[list[str]]


class CommentFilterMessagesRecipient(TypedDict):
    """Any of to, cc and bcc."""

    one_of: NotRequired[list[str]]
    not_one_of: NotRequired[list[str]]


# from:
_CommentFilterMessages = TypedDict("_CommentFilterMessages", {"from": NotRequired[CommentFilterMessagesFrom]})


class CommentFilterMessages(_CommentFilterMessages):
    """Conditions on senders and recipients: one message must fulfil one_of, none may stand in not_one_of."""

    to: NotRequired[CommentFilterMessagesTo]
    cc: NotRequired[CommentFilterMessagesCc]
    bcc: NotRequired[CommentFilterMessagesBcc]
    recipient: NotRequired[CommentFilterMessagesRecipient]


class CommentFilter(TypedDict):
    """Which comments are meant; of several conditions all must hold."""

    reviewed: NotRequired[Literal["only_reviewed", "only_unreviewed"]]
    """Only comments that people annotated, or only the others."""
    timestamp: NotRequired[CommentFilterTimestamp]
    sources: NotRequired[list[str]]
    """Only comments of these sources."""
    user_properties: NotRequired[dict[str, Any]]
    """Conditions by the names of user properties, prefix included."""
    messages: NotRequired[CommentFilterMessages]
    trigger_exceptions: NotRequired[Any]
    """By exceptions of streams; not evaluated by pytest-reinfer, which refuses it."""
    annotations: NotRequired[Any]
    """By annotations; not evaluated by pytest-reinfer, which refuses it."""
    entities: NotRequired[Any]
    """By entities; not evaluated by pytest-reinfer, which refuses it."""
    thread_properties: NotRequired[Any]
    """By properties of threads; not evaluated by pytest-reinfer, which refuses it."""


class CommentToCreate(TypedDict):
    """A comment as a caller creates it, where it is not to replace another one unseen."""

    id: str
    """The identifier of a comment within its source: printable ASCII without space and slash."""
    timestamp: str
    """A moment as a caller may write it in ISO 8601: a date alone or with a time, with or without seconds, fraction and
    offset. Without an offset it is UTC.
    """
    messages: list[Message]
    thread_id: NotRequired[str]
    user_properties: NotRequired[UserProperties]
    text_format: NotRequired[TextFormat]
    """How the text of a comment's messages is written."""
    attachments: NotRequired[list[Attachment]]
    context: NotRequired[str]
    """The `context` of the comment that is to be replaced."""


# The family of models that a dataset is trained with.
ModelFamily: TypeAlias = Literal[
    "english",
    "multilingual",
    "german",
    "english-dev",
    "german-dev",
    "random",
    "transformer-english",
    "transformer-xlm",
]


class DatasetEntityDef(TypedDict):
    """One of `entity_defs` of `Dataset`."""

    id: Any
    name: Any
    title: Any
    color: Any
    inherits_from: Any
    trainable: Any


class Pretrained(TypedDict):
    """The ready-made label this one starts from."""

    id: str
    name: NotRequired[str]


class MoonFormField(TypedDict):
    """One of `moon_form` of `LabelDef`."""

    id: NotRequired[str]
    field_id: NotRequired[str]
    field_type_id: NotRequired[str]
    kind: NotRequired[str]
    name: str
    instructions: NotRequired[str]
    rule_set: NotRequired[Any]
    """Internal; may be null."""


class ShownLabel(TypedDict):
    """A label of a dataset as it is shown.

    Its name may be longer than a definition may have it, where a comment was labelled so.
    """

    name: str
    title: NotRequired[str]
    """A heading of one line for people to read."""
    instructions: NotRequired[str]
    external_id: NotRequired[str]
    pretrained: NotRequired[Pretrained]
    properties: NotRequired[Any]
    trainable: NotRequired[bool]
    moon_form: NotRequired[list[MoonFormField]]
    _flags: NotRequired[list[str]]


class ShownLabelGroup(TypedDict):
    """A group of labels of a dataset as it is shown."""

    name: str
    label_defs: NotRequired[list[ShownLabel]]
    instructions: NotRequired[str]
    label_collection_name: NotRequired[str | None]
    trainable: NotRequired[bool]
    hidden: NotRequired[bool]


# A feature switched on for one dataset.
DatasetFlag: TypeAlias = Literal[
    "conversational_filters",
    "external_moon_llm",
    "generative_extraction",
    "generative_prelabelling",
    "gpt4",
    "llm_assisted_labelling",
    "qos",
    "zero_shot_labels",
    "ixp",
]


class ModelConfig(TypedDict):
    """What sort of model the dataset has; internal. cm is the usual one."""

    kind: Literal["cm", "doc_path_ixp", "gpt_ixp"]


class PreferredLocales(TypedDict):
    """Which locales dates and amounts are read in; internal."""

    default: NotRequired[str]
    preferences: NotRequired[list[str]]


class Dataset(TypedDict):
    """A dataset as the platform shows it. Answers may hold keys beyond these."""

    id: str
    """The identifier of a dataset, source, project or user: 16 lower-case hexadecimal digits, given out by the
    platform.
    """
    owner: str
    """The project that holds the dataset."""
    name: str
    """The name of a dataset within its project."""
    title: str
    """A heading of one line for people to read."""
    description: str
    """A longer account for people to read."""
    created: str
    """A moment as the platform writes it: UTC with Z, the fraction in 6 digits (3 for model tags), left out when it is
    zero.
    """
    last_modified: str
    """A moment as the platform writes it: UTC with Z, the fraction in 6 digits (3 for model tags), left out when it is
    zero.
    """
    model_family: ModelFamily
    """The family of models that a dataset is trained with."""
    source_ids: list[str]
    """Identifiers of sources."""
    has_sentiment: bool
    """Whether labels are given with a sentiment."""
    limited_access: NotRequired[bool]
    """Internal."""
    entity_defs: list[DatasetEntityDef]
    """What to recognise in the text."""
    general_fields: list[dict[str, Any]]
    """Fields to extract from a comment as a whole."""
    label_defs: list[ShownLabel]
    """The labels of all groups."""
    label_groups: list[ShownLabelGroup]
    """The labels by group; where none was made, there is one named default."""
    _dataset_flags: list[DatasetFlag]
    """Features switched on for this dataset."""
    _model_config: NotRequired[ModelConfig]
    """What sort of model the dataset has; internal. cm is the usual one."""
    _timezone: NotRequired[str]
    """An IANA time zone; UTC where none is given. Internal."""
    _preferred_locales: NotRequired[PreferredLocales]
    """Which locales dates and amounts are read in; internal."""
    _label_properties: NotRequired[list[Any]]
    """Properties of labels such as tone and quality of service; internal."""
    debug_config_json: NotRequired[Any]
    """Internal; what it holds is not known."""
    entity_kinds: NotRequired[list[str]]
    """Kinds of entities to recognise; superseded by entity_defs."""


class EntityDefRules(TypedDict):
    """The `rules` of `EntityDef`."""

    suppressors: NotRequired[list[str]]
    """Text that is not to be recognised."""


class EntityDef(TypedDict):
    """A kind of entity to be recognised in the comments of a dataset."""

    id: NotRequired[str]
    """Given when an entity that exists already is kept or changed."""
    name: str
    title: str
    inherits_from: list[str]
    """The kind this one is a special case of, if any."""
    trainable: bool
    color: NotRequired[int]
    """The number of a colour in the vendor's application."""
    instructions: NotRequired[str]
    rules: NotRequired[EntityDefRules]
    _entity_def_flags: NotRequired[list[Literal["appears_verbatim", "allow_out_of_domain"]]]
    """Internal."""


class GeneralField(TypedDict):
    """A field to be extracted from a comment as a whole."""

    api_name: str
    title: NotRequired[str]
    field_id: NotRequired[str]
    field_type_id: NotRequired[str]
    field_type_name: NotRequired[str]


class DatasetUpdate(TypedDict):
    """What a caller may change of a dataset.

    What is left out stays; a list replaces the old one. Name, project, has_sentiment and labels cannot be changed here.
    """

    title: NotRequired[str]
    """A heading of one line for people to read."""
    description: NotRequired[str]
    """A longer account for people to read."""
    source_ids: NotRequired[list[str]]
    """Identifiers of sources."""
    model_family: NotRequired[ModelFamily]
    """The family of models that a dataset is trained with."""
    entity_defs: NotRequired[list[EntityDef]]
    general_fields: NotRequired[list[GeneralField]]
    _dataset_flags: NotRequired[list[DatasetFlag]]
    entity_kinds: NotRequired[list[str]]
    """Kinds of entities to recognise; superseded by entity_defs."""
    _model_config: NotRequired[ModelConfig]
    """What sort of model the dataset has; internal. cm is the usual one."""
    _timezone: NotRequired[str]
    """An IANA time zone; UTC where none is given. Internal."""
    _preferred_locales: NotRequired[PreferredLocales]
    """Which locales dates and amounts are read in; internal."""
    _label_properties: NotRequired[list[Any]]
    """Properties of labels such as tone and quality of service; internal."""
    debug_config_json: NotRequired[Any]
    """Internal; what it holds is not known."""


class RawEmailHeaders(TypedDict):
    """The headers, in exactly one of two forms."""

    raw: NotRequired[str]
    """One header a line, as they were sent."""
    parsed: NotRequired[dict[str, str]]
    """The value of each header."""


class RawEmailBody(TypedDict):
    """The plain text, the HTML, or both."""

    plain: NotRequired[str]
    html: NotRequired[str]
    """At most 33554432 characters, which is more than a body of a request may have."""


class RawEmail(TypedDict):
    """An e-mail as it was sent: its headers, its text or HTML, and what was attached."""

    headers: RawEmailHeaders
    body: RawEmailBody
    attachments: NotRequired[list[Attachment]]


class EmailDocument(TypedDict):
    """A raw e-mail, and what is said of it."""

    raw_email: RawEmail
    comment_id: NotRequired[str]
    """The identifier of a comment within its source: printable ASCII without space and slash."""
    user_properties: NotRequired[UserProperties]


class Error(TypedDict):
    """The body of every refusal and failure."""

    status: Literal["error"]
    message: str


class AssignedLabels(TypedDict):
    """The `labels` of `Annotations`."""

    assigned: list[Label]


class Annotations(TypedDict):
    """The `annotations` of `ExportedComment`."""

    labels: AssignedLabels


class PredictedLabel(TypedDict):
    """A label that the model gave a comment, in the form of an export: the name is one text.

    There is no sentiment in a dataset without sentiment.
    """

    name: str
    """The full name of a label: the names from the root down, joined by ' > '. Up to 64 names of 1 to 64 characters, so
    4285 characters at most.
    """
    probability: float
    """How sure the model is of a label."""
    sentiment: NotRequired[float]
    """The sentiment the model gives a label, from -1 (negative) to 1 (positive)."""
    auto_thresholds: NotRequired[list[str]]
    """Which thresholds set by the platform the probability passes: high_recall, balanced, high_precision or sampled_
    and a number.
    """


class Predictions(TypedDict):
    """The `predictions` of `ExportedComment`."""

    labels: list[PredictedLabel]


class ExportedComment(TypedDict):
    """A comment with the labels people gave it and the labels the model gave it."""

    comment: Comment
    annotations: Annotations
    predictions: Predictions


class GivenLabel(TypedDict):
    """A label that a person gives a comment, or says that it does not fit.

    There is a sentiment even where the dataset has none.
    """

    name: str
    """The full name of a label: the names from the root down, joined by ' > '. Up to 64 names of 1 to 64 characters, so
    4285 characters at most.
    """
    sentiment: Sentiment
    """The sentiment a person gave a label."""


class LabelDef(TypedDict):
    """A label to be defined in a dataset."""

    name: str
    """The name of a label, a label group or another small part of a dataset."""
    title: NotRequired[str]
    """A heading of one line for people to read."""
    instructions: NotRequired[str]
    """When to give the label; called description until 2025."""
    external_id: NotRequired[str]
    pretrained: NotRequired[Pretrained]
    properties: NotRequired[Any]
    """Internal; what it holds is not known."""
    trainable: NotRequired[bool]
    moon_form: NotRequired[list[MoonFormField]]
    """Fields to extract where the label applies."""
    _flags: NotRequired[list[str]]
    """Internal."""


class LabelGroup(TypedDict):
    """A group of labels to be defined in a dataset."""

    name: str
    """The name of a label, a label group or another small part of a dataset."""
    label_defs: NotRequired[list[LabelDef]]
    instructions: NotRequired[str]
    label_collection_name: NotRequired[str | None]
    trainable: NotRequired[bool]
    hidden: NotRequired[bool]


class LabelGroupUpdate(TypedDict):
    """What is to change of a label group; what is absent stays."""

    name: NotRequired[str]
    """The name of a label, a label group or another small part of a dataset."""
    instructions: NotRequired[str]
    label_collection_name: NotRequired[str | None]
    trainable: NotRequired[bool]
    hidden: NotRequired[bool]


class LabelUpdate(TypedDict):
    """What is to change of a label; what is absent stays."""

    name: NotRequired[str]
    """The name of a label, a label group or another small part of a dataset."""
    title: NotRequired[str]
    """A heading of one line for people to read."""
    instructions: NotRequired[str]
    """When to give the label; called description until 2025."""
    external_id: NotRequired[str]
    pretrained: NotRequired[Pretrained]
    properties: NotRequired[Any]
    """Internal; what it holds is not known."""
    trainable: NotRequired[bool]
    moon_form: NotRequired[list[MoonFormField]]
    _flags: NotRequired[list[str]]
    """Internal."""


class ModelTag(TypedDict):
    """A name that points to one version of a dataset's model."""

    name: str
    updated_at: str
    """A moment as the platform writes it: UTC with Z, the fraction in 6 digits (3 for model tags), left out when it is
    zero.
    """
    version: int
    """The number of a trained model."""


class NewBucket(TypedDict):
    """What a caller says of a bucket to be made."""

    bucket_type: Literal["emails"]
    """What the bucket holds."""
    title: NotRequired[str]
    """A heading of one line for people to read."""


class NewComment(TypedDict):
    """A comment as a caller uploads it."""

    id: str
    """The identifier of a comment within its source: printable ASCII without space and slash."""
    timestamp: str
    """A moment as a caller may write it in ISO 8601: a date alone or with a time, with or without seconds, fraction and
    offset. Without an offset it is UTC.
    """
    messages: list[Message]
    thread_id: NotRequired[str]
    user_properties: NotRequired[UserProperties]
    text_format: NotRequired[TextFormat]
    """How the text of a comment's messages is written."""
    attachments: NotRequired[list[Attachment]]


class NewDataset(TypedDict):
    """What a caller says of a dataset to be made. Everything may be left out."""

    title: NotRequired[str]
    """A heading of one line for people to read."""
    description: NotRequired[str]
    """A longer account for people to read."""
    source_ids: NotRequired[list[str]]
    """Identifiers of sources."""
    model_family: NotRequired[ModelFamily]
    """The family of models that a dataset is trained with."""
    has_sentiment: NotRequired[bool]
    """Whether labels are given with a sentiment."""
    entity_defs: NotRequired[list[EntityDef]]
    general_fields: NotRequired[list[GeneralField]]
    label_defs: NotRequired[list[LabelDef]]
    """Labels for the group named default."""
    label_groups: NotRequired[list[LabelGroup]]
    """Labels by group; without it there is the group named default, holding label_defs."""
    copy_annotations_from: NotRequired[str]
    """The identifier of a dataset whose annotations are taken over."""
    _dataset_flags: NotRequired[list[DatasetFlag]]
    entity_kinds: NotRequired[list[str]]
    """Kinds of entities to recognise; superseded by entity_defs."""
    _model_config: NotRequired[ModelConfig]
    """What sort of model the dataset has; internal. cm is the usual one."""
    _timezone: NotRequired[str]
    """An IANA time zone; UTC where none is given. Internal."""
    _preferred_locales: NotRequired[PreferredLocales]
    """Which locales dates and amounts are read in; internal."""
    _label_properties: NotRequired[list[Any]]
    """Properties of labels such as tone and quality of service; internal."""
    debug_config_json: NotRequired[Any]
    """Internal; what it holds is not known."""


class NewLabelling(TypedDict):
    """What is to be said about a comment in one label group.

    What is absent stays as it is, an empty list takes all away.
    """

    group: str
    """The name of a label group of the dataset; most have one, named default."""
    assigned: NotRequired[list[GivenLabel]]
    """The labels that it has."""
    dismissed: NotRequired[list[GivenLabel]]
    """The labels that do not fit."""
    uninformative: NotRequired[bool]
    """Whether the comment tells nothing."""


class NewProject(TypedDict):
    """What a caller says of a project to be made. Everything may be left out."""

    title: NotRequired[str]
    """A heading of one line for people to read."""
    description: NotRequired[str]
    """A longer account for people to read."""
    user_auto_join: NotRequired[bool]
    """Whether who comes into the tenant comes into the project by themselves."""


class NewSource(TypedDict):
    """What a caller says of a source to be made. Everything may be left out."""

    title: NotRequired[str]
    """A heading of one line for people to read."""
    description: NotRequired[str]
    """A longer account for people to read."""
    language: NotRequired[Literal["en", "de", "xlm"]]
    should_translate: NotRequired[bool]
    sensitive_properties: NotRequired[list[str]]
    bucket_id: NotRequired[str | None]
    """The bucket whose e-mails feed the source; null lets go of it."""
    _kind: NotRequired[Literal["call", "chat", "unknown", "ixp_runtime", "ixp_design"]]
    """What the source holds."""
    email_transform_tag: NotRequired[str]
    email_transform_version: NotRequired[int]


# The machine name of a permission, or of a role, in the whole tenant.
GlobalPermission: TypeAlias = Literal[
    "root",
    "debug",
    "demo",
    "audit-read",
    "artefacts-read",
    "support-users-write",
    "tenant-users-read",
    "tenant-admin",
    "support-tenant-admin",
    "feature-qos",
    "feature-pretrained-labels",
    "tenant-quota-read",
    "tenant-quota-write",
    "deployment-quota-read",
    "deployment-quota-write",
    "role-cm-tenant-admin",
    "dialog",
    "projects-admin",
    "subscriptions-read",
]


class NewUser(TypedDict):
    """What a caller says of a user to be made."""

    username: str
    email: str
    organisation_permissions: NotRequired[dict[str, Any]]
    """Project by project, a list of project_permission of common.json."""
    global_permissions: NotRequired[list[GlobalPermission]]
    """Permissions in the whole tenant."""


class Project(TypedDict):
    """A project, which holds sources and datasets and in which permissions are given."""

    id: NotRequired[str]
    """The identifier of a dataset, source, project or user: 16 lower-case hexadecimal digits, given out by the
    platform.
    """
    name: str
    """The name of a project; older material calls it owner or organisation. The vendor CLI is stricter and has no dot.
    """
    title: str
    """A heading of one line for people to read."""
    description: str
    """A longer account for people to read."""
    created_at: str
    """A moment as the platform writes it: UTC with Z, the fraction in 6 digits (3 for model tags), left out when it is
    zero.
    """
    updated_at: str
    """A moment as the platform writes it: UTC with Z, the fraction in 6 digits (3 for model tags), left out when it is
    zero.
    """
    user_auto_join: NotRequired[bool]


class ProjectUpdate(TypedDict):
    """What a caller may change of a project. What is left out stays. The name cannot be changed."""

    title: NotRequired[str]
    """A heading of one line for people to read."""
    description: NotRequired[str]
    """A longer account for people to read."""
    user_auto_join: NotRequired[bool]
    """Whether who comes into the tenant comes into the project by themselves."""


class Source(TypedDict):
    """A source, which holds comments, as the platform shows it. Answers may hold keys beyond these."""

    id: str
    """The identifier of a dataset, source, project or user: 16 lower-case hexadecimal digits, given out by the
    platform.
    """
    owner: str
    """The project that holds the source."""
    name: str
    """The name of a source within its project."""
    title: str
    """A heading of one line for people to read."""
    description: str
    """A longer account for people to read."""
    language: str
    should_translate: bool
    sensitive_properties: list[str]
    """User properties that only those may see who may see sensitive data."""
    created_at: str
    """A moment as the platform writes it: UTC with Z, the fraction in 6 digits (3 for model tags), left out when it is
    zero.
    """
    updated_at: str
    """A moment as the platform writes it: UTC with Z, the fraction in 6 digits (3 for model tags), left out when it is
    zero.
    """
    last_modified: str
    """A moment as the platform writes it: UTC with Z, the fraction in 6 digits (3 for model tags), left out when it is
    zero.
    """
    _kind: Literal["call", "chat", "unknown", "ixp_runtime", "ixp_design"]
    """What the source holds."""
    bucket_id: NotRequired[str | None]
    email_transform_tag: NotRequired[str]
    email_transform_version: NotRequired[int]


class SourceUpdate(TypedDict):
    """What a caller may change of a source.

    What is left out stays; a list replaces the old one. Name and project cannot be changed.
    """

    title: NotRequired[str]
    """A heading of one line for people to read."""
    description: NotRequired[str]
    """A longer account for people to read."""
    language: NotRequired[Literal["en", "de", "xlm"]]
    should_translate: NotRequired[bool]
    sensitive_properties: NotRequired[list[str]]
    bucket_id: NotRequired[str | None]
    """The bucket whose e-mails feed the source. Left out it stays; null lets go of it."""
    _kind: NotRequired[Literal["call", "chat", "unknown", "ixp_runtime", "ixp_design"]]
    """What the source holds."""
    email_transform_tag: NotRequired[str]
    email_transform_version: NotRequired[int]


class Thread(TypedDict):
    """The comments of a source that have one `thread_id`."""

    thread_id: str
    comments: list[str]
    """The ids of its comments."""


class ThreadProperties(TypedDict):
    """Facts about the thread of a comment."""

    duration: float | None
    """Seconds from its first comment to its last; null where there is one alone."""
    response_time: float | None
    """Seconds from its first comment to the first one of another sender; null where there is none."""
    first_sender: str | None
    """Who sent its first message; null where nobody is named."""
    num_messages: int
    """The messages of its comments."""
    num_participants: int
    """The senders and recipients of its messages."""
    thread_position: NotRequired[int]
    """The how manieth comment of the thread this one is, from 1 on."""


class User(TypedDict):
    """Somebody with a token, as the platform shows them. Answers may hold keys beyond these."""

    id: str
    """The identifier of a dataset, source, project or user: 16 lower-case hexadecimal digits, given out by the
    platform.
    """
    username: str
    email: str
    created: str
    """A moment as the platform writes it: UTC with Z, the fraction in 6 digits (3 for model tags), left out when it is
    zero.
    """
    verified: bool
    """Whether the address is known to be theirs."""
    organisation_permissions: dict[str, Any]
    """Project by project, the permissions that were granted, each a project_permission of common.json."""
    derived_organisation_permissions: dict[str, Any]
    """Project by project, the permissions that follow from those granted, which are among them."""
    global_permissions: list[GlobalPermission]
    """The permissions in the whole tenant that were granted."""
    sso_global_permissions: list[GlobalPermission]
    """The permissions in the whole tenant that single sign-on grants."""
    derived_user_global_permissions: list[GlobalPermission]
    """The permissions in the whole tenant that follow from those granted."""
    derived_global_permissions: list[GlobalPermission]
    """The permissions in the whole tenant that follow from all of these."""
    last_login_at: str | None
    """When they last came in by the browser; null if never."""
    is_support_user: bool
    """Whether they are of the vendor's support."""


class UserUpdate(TypedDict):
    """What a caller may change of a user. What is left out stays; what is given replaces the old whole."""

    organisation_permissions: NotRequired[dict[str, Any]]
    """Project by project, a list of project_permission of common.json."""
    global_permissions: NotRequired[list[GlobalPermission]]
    """Permissions in the whole tenant."""


class CreateDatasetRequest(TypedDict):
    """The body of a request to `create_dataset`. One key, and the object in it."""

    dataset: NewDataset


class UpdateDatasetRequest(TypedDict):
    """The body of a request to `update_dataset`. One key, and the object in it."""

    dataset: DatasetUpdate


class CreateSourceRequest(TypedDict):
    """The body of a request to `create_source`. One key, and the object in it."""

    source: NewSource


class UpdateSourceRequest(TypedDict):
    """The body of a request to `update_source`. One key, and the object in it."""

    source: SourceUpdate


# from: Only comments at this moment or later.
_ExportRequest = TypedDict("_ExportRequest", {"from": NotRequired[str]})


class ExportRequest(_ExportRequest):
    """The body of a request to `export_dataset`."""

    comment_uids: NotRequired[list[str]]
    """Only these comments. No other filter (source_ids, from, to) may stand beside it."""
    source_ids: NotRequired[list[str]]
    """Only comments of these sources."""
    order_by: NotRequired[Literal["created_at", "timestamp"]]
    """Which moment orders the comments and is compared with from and to: created_at is when the comment was uploaded,
    timestamp is what the caller gave it.
    """
    to: NotRequired[str]
    """Only comments at this moment or earlier."""
    continuation: NotRequired[str]
    """What the page before answered."""
    limit: NotRequired[int]
    """How many comments a page holds at most."""


class SyncRequest(TypedDict):
    """The body of a request to `sync_comments`. One key, and the batch in it."""

    comments: list[NewComment]
    """The comments, whole."""


class UpdateLabellingRequestEntities(TypedDict):
    """What is said of entities."""

    assigned: NotRequired[list[Entity]]
    """The entities that it has."""
    dismissed: NotRequired[list[Entity]]
    """The entities that it does not have."""


class UpdateLabellingRequest(TypedDict):
    """The body of a request to `update_labelling`. All keys are optional; what is absent stays."""

    labelling: NotRequired[list[NewLabelling]]
    """What is said in label groups; an empty list takes all labels away."""
    entities: NotRequired[UpdateLabellingRequestEntities]
    moon_forms: NotRequired[list[MoonForm]]
    """Fields extracted for labels; an empty list takes all away."""
    context: NotRequired[str]
    """Which state of the comment it is said about; ignored."""


class SyncRawEmailsRequest(TypedDict):
    """The body of a request to `sync_raw_emails`. The e-mails, and how they are to be read."""

    documents: list[EmailDocument]
    """The e-mails."""
    transform_tag: NotRequired[str]
    """Says how e-mails are read."""
    include_comments: NotRequired[bool]
    """Whether the comments come back."""
    override_user_properties: NotRequired[list[str]]


class CreateCommentsRequest(TypedDict):
    """The body of a request to `create_comments`. One key, and the batch in it."""

    comments: list[CommentToCreate]
    """The comments, whole."""


class CommentPage(TypedDict):
    """The answer of `list_comments`. A page of a source's comments, by their timestamp."""

    comments: list[Comment]
    continuation: NotRequired[str]
    """What leads to the next page, if there is one."""
    thread_properties: NotRequired[list[ThreadProperties]]
    """For each comment what is known of its thread, where it was asked for."""
    status: Literal["ok"]


class ExportPage(TypedDict):
    """The answer of `export_dataset`.

    A page of a dataset's comments with the labels people gave and the labels the model gave. The last page has no
    continuation.
    """

    comments: list[ExportedComment]
    continuation: NotRequired[str]
    """The token that leads to the next page of an export, as answers hold it. Callers should treat it as opaque."""
    status: Literal["ok"]


_STRATEGIES: dict[Any, Any] = {
    AnnotatedComment: lambda made: made.from_schema("objects/annotated_comment.json"),
    AnnotatedCommentEntities: lambda made: made.from_schema("objects/annotated_comment.json#/properties/entities"),
    Annotations: lambda made: made.annotations(),
    AssignedLabels: lambda made: made.from_schema(
        "objects/exported_comment.json#/properties/annotations/properties/labels"
    ),
    Attachment: lambda made: made.attachments(),
    AttributeFilter: lambda made: made.from_schema("objects/attribute_filter.json"),
    AttributeFilterFilter: lambda made: made.from_schema("objects/attribute_filter.json#/properties/filter"),
    Bucket: lambda made: made.from_schema("objects/bucket.json"),
    BucketUpdate: lambda made: made.from_schema("objects/bucket_update.json"),
    Comment: lambda made: made.comments(),
    CommentFilter: lambda made: made.from_schema("objects/comment_filter.json"),
    CommentFilterMessages: lambda made: made.from_schema("objects/comment_filter.json#/properties/messages"),
    CommentFilterMessagesBcc: lambda made: made.from_schema(
        "objects/comment_filter.json#/properties/messages/properties/bcc"
    ),
    CommentFilterMessagesCc: lambda made: made.from_schema(
        "objects/comment_filter.json#/properties/messages/properties/cc"
    ),
    CommentFilterMessagesFrom: lambda made: made.from_schema(
        "objects/comment_filter.json#/properties/messages/properties/from"
    ),
    CommentFilterMessagesRecipient: lambda made: made.from_schema(
        "objects/comment_filter.json#/properties/messages/properties/recipient"
    ),
    CommentFilterMessagesTo: lambda made: made.from_schema(
        "objects/comment_filter.json#/properties/messages/properties/to"
    ),
    CommentFilterTimestamp: lambda made: made.from_schema("objects/comment_filter.json#/properties/timestamp"),
    CommentPage: lambda made: made.from_schema("routes/list_comments.json#/properties/response"),
    CommentToCreate: lambda made: made.from_schema("objects/comment_to_create.json"),
    CreateCommentsRequest: lambda made: made.from_schema("routes/create_comments.json#/properties/body"),
    CreateDatasetRequest: lambda made: made.create_dataset_requests(),
    CreateSourceRequest: lambda made: made.create_source_requests(),
    Dataset: lambda made: made.datasets(),
    DatasetEntityDef: lambda made: made.from_schema("objects/dataset.json#/properties/entity_defs/items"),
    DatasetUpdate: lambda made: made.from_schema("objects/dataset_update.json"),
    EmailDocument: lambda made: made.from_schema("objects/email_document.json"),
    Entity: lambda made: made.from_schema("objects/entity.json"),
    EntityDef: lambda made: made.from_schema("objects/entity_def.json"),
    EntityDefRules: lambda made: made.from_schema("objects/entity_def.json#/properties/rules"),
    EntitySpans: lambda made: made.from_schema("objects/entity.json#/properties/spans/items"),
    Error: lambda made: made.error_bodies(),
    ExportPage: lambda made: made.export_pages(),
    ExportRequest: lambda made: made.export_requests(),
    ExportedComment: lambda made: made.exported_comments(),
    GeneralField: lambda made: made.from_schema("objects/general_field.json"),
    GivenLabel: lambda made: made.from_schema("objects/given_label.json"),
    Label: lambda made: made.labels(),
    LabelDef: lambda made: made.from_schema("objects/label_def.json"),
    LabelGroup: lambda made: made.from_schema("objects/label_group.json"),
    LabelGroupUpdate: lambda made: made.from_schema("objects/label_group_update.json"),
    LabelMetadata: lambda made: made.from_schema("objects/label.json#/properties/metadata"),
    LabelPrediction: lambda made: made.from_schema("objects/label_prediction.json"),
    LabelUpdate: lambda made: made.from_schema("objects/label_update.json"),
    Labelling: lambda made: made.from_schema("objects/labelling.json"),
    Message: lambda made: made.messages(),
    ModelConfig: lambda made: made.from_schema("objects/common.json#/$defs/model_config"),
    ModelTag: lambda made: made.model_tags(),
    MoonForm: lambda made: made.from_schema("objects/moon_form.json"),
    MoonFormField: lambda made: made.from_schema("objects/label_def.json#/properties/moon_form/items"),
    NewBucket: lambda made: made.from_schema("objects/new_bucket.json"),
    NewComment: lambda made: made.comments(form="upload"),
    NewDataset: lambda made: made.from_schema("objects/new_dataset.json"),
    NewLabelling: lambda made: made.from_schema("objects/new_labelling.json"),
    NewProject: lambda made: made.from_schema("objects/new_project.json"),
    NewSource: lambda made: made.from_schema("objects/new_source.json"),
    NewUser: lambda made: made.from_schema("objects/new_user.json"),
    PredictedLabel: lambda made: made.predicted_labels(),
    Predictions: lambda made: made.predictions(),
    PreferredLocales: lambda made: made.from_schema("objects/common.json#/$defs/preferred_locales"),
    Pretrained: lambda made: made.from_schema("objects/label_def.json#/properties/pretrained"),
    Project: lambda made: made.from_schema("objects/project.json"),
    ProjectUpdate: lambda made: made.from_schema("objects/project_update.json"),
    RawEmail: lambda made: made.from_schema("objects/raw_email.json"),
    RawEmailBody: lambda made: made.from_schema("objects/raw_email.json#/properties/body"),
    RawEmailHeaders: lambda made: made.from_schema("objects/raw_email.json#/properties/headers"),
    ShownLabel: lambda made: made.from_schema("objects/shown_label.json"),
    ShownLabelGroup: lambda made: made.from_schema("objects/shown_label_group.json"),
    Source: lambda made: made.sources(),
    SourceUpdate: lambda made: made.from_schema("objects/source_update.json"),
    Subject: lambda made: made.from_schema("objects/message.json#/properties/subject"),
    SyncRawEmailsRequest: lambda made: made.from_schema("routes/sync_raw_emails.json#/properties/body"),
    SyncRequest: lambda made: made.sync_requests(),
    Text: lambda made: made.from_schema("objects/text.json"),
    Thread: lambda made: made.from_schema("objects/thread.json"),
    ThreadProperties: lambda made: made.from_schema("objects/thread_properties.json"),
    UpdateDatasetRequest: lambda made: made.update_dataset_requests(),
    UpdateLabellingRequest: lambda made: made.update_labelling_requests(),
    UpdateLabellingRequestEntities: lambda made: made.from_schema(
        "routes/update_labelling.json#/properties/body/properties/entities"
    ),
    UpdateSourceRequest: lambda made: made.update_source_requests(),
    User: lambda made: made.from_schema("objects/user.json"),
    UserUpdate: lambda made: made.from_schema("objects/user_update.json"),
}


def register() -> None:
    """Let Hypothesis draw an object of the API by its type; called as soon as both are imported, and not before."""
    from hypothesis import strategies  # noqa: PLC0415 -- the annotations are for programs without Hypothesis, too

    for each in _STRATEGIES:
        strategies.register_type_strategy(each, _strategy)


def _strategy(asked: Any) -> Any:
    """The strategy of one of the classes above.

    Hypothesis asks also for any type that a dictionary could stand for, such as `Mapping[str, int]`, where these
    classes have no part.
    """
    if not isinstance(asked, type) or asked not in _STRATEGIES:
        return NotImplemented
    from pytest_reinfer import strategies  # noqa: PLC0415 -- only where a test draws one

    return _STRATEGIES[asked](strategies)


if "hypothesis" in sys.modules:  # otherwise it calls `pytest_reinfer.for_hypothesis` when it is imported
    register()
