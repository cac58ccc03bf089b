//! One error for the whole house, and one table of every kind of error that the API knows.

use std::borrow::Cow;
use std::fmt;

/// What a fallible decision gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a request is refused: what the caller is told, and (for the log alone) what caused it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: Option<Cow<'static, str>>,
    field: Option<Cow<'static, str>>,
    /// In how many seconds the same request may succeed.
    retry_after: Option<u32>,
    source: Option<Source>,
}

impl Error {
    /// An error of this kind with the kind's own message.
    #[must_use]
    pub fn new(kind: ErrorKind) -> Self {
        Self { kind, message: None, field: None, retry_after: None, source: None }
    }

    /// A parameter that breaks a rule; `rule` is the text of what it should be.
    #[must_use]
    pub fn invalid(parameter: impl Into<Cow<'static, str>>, rule: impl fmt::Display) -> Self {
        let field = parameter.into();
        Self::new(ErrorKind::GeneralArgumentInvalid).message(format!("Invalid `{field}` param: {rule}")).field(field)
    }

    /// A parameter that isn't there although it must be.
    #[must_use]
    pub fn missing(parameter: impl Into<Cow<'static, str>>) -> Self {
        let field = parameter.into();
        Self::new(ErrorKind::GeneralArgumentInvalid).message(format!("Param \"{field}\" is not optional.")).field(field)
    }

    /// An error of this kind about the thing of this id or key, which the kind's own message then names where it speaks of
    /// "the requested ID" and the like.
    #[must_use]
    pub fn about(kind: ErrorKind, id: &str) -> Self {
        const NAMED: [&str; 6] =
            ["requested ID", "requested key", "requested column", "requested attribute", "The column", "The attribute"];
        let text = kind.text();
        match NAMED.iter().find_map(|name| text.find(name).map(|at| at + name.len())) {
            Some(end) => Self::new(kind).message(format!("{} '{id}'{}", &text[..end], &text[end..])),
            None => kind.into(),
        }
    }

    /// A fault of ours: the caller learns only that there is one, the log learns what.
    #[must_use]
    pub fn internal(source: impl Into<Source>) -> Self {
        Self { source: Some(source.into()), ..Self::new(ErrorKind::GeneralServerError) }
    }

    /// Too much is asked of the server right now, or something that it needs is away: the same request may succeed in so
    /// many seconds (`Retry-After`).
    #[must_use]
    pub fn unavailable(seconds: u32) -> Self {
        Self::new(ErrorKind::GeneralServiceUnavailable).retry_in(seconds)
    }

    /// The same, saying in how many seconds the request may succeed.
    #[must_use]
    pub fn retry_in(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The same with a message of its own.
    #[must_use]
    pub fn message(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: Some(message.into()), ..self }
    }

    /// The same, naming the parameter that is at fault.
    #[must_use]
    pub fn field(self, field: impl Into<Cow<'static, str>>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// The same with its cause, for the log.
    #[must_use]
    pub fn because(self, source: impl Into<Source>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the caller is told.
    #[must_use]
    pub fn text(&self) -> &str {
        self.message.as_deref().unwrap_or_else(|| self.kind.text())
    }

    /// In how many seconds the same request may succeed, where that is known: the header `Retry-After`.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.retry_after
    }

    /// The parameter at fault, where there is one.
    #[must_use]
    pub fn parameter(&self) -> Option<&str> {
        self.field.as_deref()
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.text())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

macro_rules! kinds {
    ($($variant:ident = $name:literal, $code:literal, $text:literal;)*) => {
        /// Every kind of error, by the name that clients see as `type`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorKind {
            $(#[doc = concat!("`", $name, "`: ", $text)] $variant,)*
        }

        impl ErrorKind {
            /// Every kind there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name on the wire (`type`).
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The number on the wire (`code`); the HTTP status too, see [`ErrorKind::status`].
            #[must_use]
            pub const fn code(self) -> u16 {
                match self { $(Self::$variant => $code,)* }
            }

            /// What the caller is told unless somebody knows better.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

impl ErrorKind {
    /// The kinds that Appwrite doesn't have: of limits that it doesn't set.
    pub const ADDED: [Self; 10] = [
        Self::QueueNotFound,
        Self::JobNotFound,
        Self::JobNotFailed,
        Self::JobRunning,
        Self::WebhookDeliveryNotFound,
        Self::GeneralRequestTimeout,
        Self::GeneralPayloadTooLarge,
        Self::GeneralServiceUnavailable,
        Self::GeneralInsufficientStorage,
        Self::GeneralResourceLimitExceeded,
    ];

    /// The HTTP status. The codes that HTTP doesn't have, or that Appwrite doesn't let through, are 500
    /// (`semantics.md` section 4).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self.code() {
            code @ (400..=405 | 408 | 409 | 410 | 412 | 413 | 416 | 422 | 429 | 451 | 501 | 503 | 507) => code,
            _ => 500,
        }
    }
}

// Names and codes: the contract's table, in its order, after those that it lacks; a test holds the two against each other.
kinds! {
    GeneralRequestTimeout = "general_request_timeout", 408, "The request took too long to arrive. Please try again.";
    GeneralPayloadTooLarge = "general_payload_too_large", 413, "The request body is larger than this endpoint takes.";
    GeneralServiceUnavailable = "general_service_unavailable", 503, "The server is too busy to answer this request now. Please try again in a moment.";
    GeneralInsufficientStorage = "general_insufficient_storage", 507, "There is no room left to store this. What is stored already can be read and deleted.";
    GeneralResourceLimitExceeded = "general_resource_limit_exceeded", 400, "This project holds as much as it may hold.";
    GeneralUnknown = "general_unknown", 500, "An unknown error has occurred. Please check the logs for more information.";
    GeneralMock = "general_mock", 400, "General mock.";
    GeneralAccessForbidden = "general_access_forbidden", 401, "Access to this API is forbidden.";
    GeneralResourceBlocked = "general_resource_blocked", 403, "General resource blocked.";
    GeneralUnknownOrigin = "general_unknown_origin", 403, "The request originated from an unknown origin. If you trust this domain, please list it as a trusted platform in the console.";
    GeneralApiDisabled = "general_api_disabled", 403, "The requested API is disabled. You can enable the API from the console.";
    GeneralServiceDisabled = "general_service_disabled", 403, "The requested service is disabled. You can enable the service from the console.";
    GeneralUnauthorizedScope = "general_unauthorized_scope", 401, "The current user or API key does not have the required scopes to access the requested resource.";
    GeneralRateLimitExceeded = "general_rate_limit_exceeded", 429, "Rate limit for the current endpoint has been exceeded. Please try again after some time.";
    GeneralResourceLocked = "general_resource_locked", 409, "General resource locked.";
    GeneralSmtpDisabled = "general_smtp_disabled", 503, "SMTP is disabled on your instance. You can configure SMTP in the settings of the server.";
    GeneralPhoneDisabled = "general_phone_disabled", 503, "General phone disabled.";
    GeneralArgumentInvalid = "general_argument_invalid", 400, "The request contains one or more invalid arguments. Please refer to the endpoint documentation.";
    GeneralAttributeQueryLimitExceeded = "general_attribute_query_limit_exceeded", 400, "General attribute query limit exceeded.";
    GeneralColumnQueryLimitExceeded = "general_column_query_limit_exceeded", 400, "General column query limit exceeded.";
    GeneralQueryInvalid = "general_query_invalid", 400, "The query's syntax is invalid. Please check the query and try again.";
    GeneralRouteNotFound = "general_route_not_found", 404, "Route not found. Please ensure the endpoint is configured correctly and that the API route is valid for this SDK version. Refer to the API docs for more details.";
    GeneralCursorNotFound = "general_cursor_not_found", 400, "The cursor is invalid. This can happen if the item represented by the cursor has been deleted.";
    GeneralServerError = "general_server_error", 500, "An internal server error occurred.";
    GeneralProtocolUnsupported = "general_protocol_unsupported", 426, "General protocol unsupported.";
    GeneralCodesDisabled = "general_codes_disabled", 500, "General codes disabled.";
    GeneralUsageDisabled = "general_usage_disabled", 501, "General usage disabled.";
    GeneralNotImplemented = "general_not_implemented", 405, "This method was not fully implemented yet. If you believe this is a mistake, please upgrade your server version.";
    GeneralInvalidEmail = "general_invalid_email", 400, "General invalid email.";
    GeneralInvalidPhone = "general_invalid_phone", 400, "General invalid phone.";
    GeneralRegionAccessDenied = "general_region_access_denied", 451, "General region access denied.";
    GeneralBadRequest = "general_bad_request", 400, "There was an error processing your request. Please check the inputs and try again.";
    GeneralFeatureUnsupported = "general_feature_unsupported", 400, "General feature unsupported.";
    UserCountExceeded = "user_count_exceeded", 400, "The current project has exceeded the maximum number of users. Please check your user limit in the console.";
    UserConsoleCountExceeded = "user_console_count_exceeded", 501, "Sign up to the console is restricted. You can contact an administrator to update console sign up restrictions.";
    UserJwtInvalid = "user_jwt_invalid", 401, "The JWT token is invalid. Please check the value of the X-Appwrite-JWT header to ensure the correct token is being used.";
    UserAlreadyExists = "user_already_exists", 409, "A user with the same id, email, or phone already exists in this project.";
    UserBlocked = "user_blocked", 403, "The current user has been blocked. An administrator can unblock the user.";
    UserInvalidToken = "user_invalid_token", 401, "Invalid token passed in the request.";
    UserPasswordResetRequired = "user_password_reset_required", 412, "The current user requires a password reset.";
    UserEmailNotWhitelisted = "user_email_not_whitelisted", 401, "User email not whitelisted.";
    UserInvalidCode = "user_invalid_code", 401, "User invalid code.";
    UserIpNotWhitelisted = "user_ip_not_whitelisted", 401, "User ip not whitelisted.";
    UserInvalidCredentials = "user_invalid_credentials", 401, "Invalid credentials. Please check the email and password.";
    UserAnonymousConsoleProhibited = "user_anonymous_console_prohibited", 401, "Anonymous users cannot be created for the console project.";
    UserSessionAlreadyExists = "user_session_already_exists", 401, "Creation of a session is prohibited when a session is active.";
    UserNotFound = "user_not_found", 404, "User with the requested ID could not be found.";
    UserEmailNotFound = "user_email_not_found", 400, "User email with the requested ID could not be found.";
    UserEmailAlreadyExists = "user_email_already_exists", 409, "A user with the same email already exists in the current project.";
    UserEmailDisposable = "user_email_disposable", 400, "User email disposable.";
    UserEmailFree = "user_email_free", 400, "User email free.";
    UserEmailNotCanonical = "user_email_not_canonical", 400, "User email not canonical.";
    UserEmailNotCorporate = "user_email_not_corporate", 400, "User email not corporate.";
    UserPasswordMismatch = "user_password_mismatch", 400, "Passwords do not match. Please check the password and confirm password.";
    PasswordRecentlyUsed = "password_recently_used", 400, "Password recently used.";
    PasswordPersonalData = "password_personal_data", 400, "Password personal data.";
    UserSessionNotFound = "user_session_not_found", 404, "The current user session could not be found.";
    UserIdentityNotFound = "user_identity_not_found", 404, "User identity with the requested ID could not be found.";
    UserUnauthorized = "user_unauthorized", 401, "The current user is not authorized to perform the requested action.";
    UserAuthMethodUnsupported = "user_auth_method_unsupported", 501, "The requested authentication method is either disabled or unsupported. Please check the supported authentication methods in the console.";
    UserPhoneAlreadyExists = "user_phone_already_exists", 409, "A user with the same phone number already exists in the current project.";
    UserRecoveryCodesAlreadyExists = "user_recovery_codes_already_exists", 409, "User recovery codes with the requested ID already exists.";
    UserAuthenticatorNotFound = "user_authenticator_not_found", 404, "User authenticator with the requested ID could not be found.";
    UserRecoveryCodesNotFound = "user_recovery_codes_not_found", 404, "User recovery codes with the requested ID could not be found.";
    UserAuthenticatorAlreadyVerified = "user_authenticator_already_verified", 409, "User authenticator already verified.";
    UserPhoneNotFound = "user_phone_not_found", 400, "User phone with the requested ID could not be found.";
    UserMissingId = "user_missing_id", 400, "User missing id.";
    UserMoreFactorsRequired = "user_more_factors_required", 401, "More factors are required to complete the sign in process.";
    UserChallengeRequired = "user_challenge_required", 401, "User challenge required.";
    UserOauth2BadRequest = "user_oauth2_bad_request", 400, "User oauth2 bad request.";
    UserOauth2Unauthorized = "user_oauth2_unauthorized", 401, "User oauth2 unauthorized.";
    UserOauth2ProviderError = "user_oauth2_provider_error", 424, "User oauth2 provider error.";
    UserOauth2ProviderFailure = "user_oauth2_provider_failure", 424, "User oauth2 provider failure.";
    UserEmailNotVerified = "user_email_not_verified", 400, "User email not verified.";
    UserEmailAlreadyVerified = "user_email_already_verified", 409, "User email already verified.";
    UserPhoneNotVerified = "user_phone_not_verified", 400, "User phone not verified.";
    UserPhoneAlreadyVerified = "user_phone_already_verified", 409, "User phone already verified.";
    UserDeletionProhibited = "user_deletion_prohibited", 400, "User deletion prohibited.";
    UserTargetNotFound = "user_target_not_found", 404, "The target could not be found.";
    UserTargetAlreadyExists = "user_target_already_exists", 409, "User target with the requested ID already exists.";
    UserApiKeyAndSessionSet = "user_api_key_and_session_set", 403, "API key and session used in the same request. Use either a session or an API key.";
    UserJwtAndCookieSet = "user_jwt_and_cookie_set", 403, "JWT and session cookie used in the same request. Use either a JWT or a session.";
    UserJwtCreationDenied = "user_jwt_creation_denied", 403, "User jwt creation denied.";
    ApiKeyExpired = "api_key_expired", 401, "Api key expired.";
    TeamNotFound = "team_not_found", 404, "Team with the requested ID could not be found.";
    TeamInviteNotFound = "team_invite_not_found", 404, "The requested team invitation could not be found.";
    TeamInvalidSecret = "team_invalid_secret", 401, "The team invitation secret is invalid. Please request a new invitation and try again.";
    TeamMembershipMismatch = "team_membership_mismatch", 404, "The membership ID does not belong to the team ID.";
    TeamInviteMismatch = "team_invite_mismatch", 401, "The invite does not belong to the current user.";
    TeamAlreadyExists = "team_already_exists", 409, "Team with requested ID already exists. Please choose a different ID and try again.";
    ResourceAlreadyExists = "resource_already_exists", 409, "Resource with the requested ID already exists.";
    MembershipNotFound = "membership_not_found", 404, "Membership with the requested ID could not be found.";
    MembershipAlreadyConfirmed = "membership_already_confirmed", 409, "Membership is already confirmed.";
    MembershipDeletionProhibited = "membership_deletion_prohibited", 400, "Membership deletion is prohibited: an organization or team must keep an owner.";
    MembershipDowngradeProhibited = "membership_downgrade_prohibited", 400, "Membership role cannot be downgraded: an organization or team must keep an owner.";
    AvatarSetNotFound = "avatar_set_not_found", 404, "Avatar set with the requested ID could not be found.";
    AvatarNotFound = "avatar_not_found", 404, "Avatar with the requested ID could not be found.";
    AvatarImageNotFound = "avatar_image_not_found", 404, "Avatar image with the requested ID could not be found.";
    AvatarRemoteUrlFailed = "avatar_remote_url_failed", 404, "Avatar remote url failed.";
    AvatarIconNotFound = "avatar_icon_not_found", 404, "Avatar icon with the requested ID could not be found.";
    AvatarSvgSanitizationFailed = "avatar_svg_sanitization_failed", 400, "Avatar svg sanitization failed.";
    StorageFileAlreadyExists = "storage_file_already_exists", 409, "Storage file with the requested ID already exists.";
    StorageFileNotFound = "storage_file_not_found", 404, "Storage file with the requested ID could not be found.";
    StorageDeviceNotFound = "storage_device_not_found", 400, "Storage device with the requested ID could not be found.";
    StorageFileEmpty = "storage_file_empty", 400, "Storage file empty.";
    StorageFileTypeUnsupported = "storage_file_type_unsupported", 400, "Storage file type unsupported.";
    StorageImageResolutionExceeded = "storage_image_resolution_exceeded", 400, "Storage image resolution exceeded.";
    StorageInvalidFileSize = "storage_invalid_file_size", 400, "Storage invalid file size.";
    StorageInvalidFile = "storage_invalid_file", 403, "Storage invalid file.";
    StorageBucketAlreadyExists = "storage_bucket_already_exists", 409, "Storage bucket with the requested ID already exists.";
    StorageBucketNotFound = "storage_bucket_not_found", 404, "Storage bucket with the requested ID could not be found.";
    StorageInvalidContentRange = "storage_invalid_content_range", 400, "Storage invalid content range.";
    StorageInvalidRange = "storage_invalid_range", 416, "Storage invalid range.";
    StorageInvalidAppwriteId = "storage_invalid_appwrite_id", 400, "Storage invalid appwrite id.";
    StorageFileNotPublic = "storage_file_not_public", 403, "Storage file not public.";
    StorageBucketTransformationsDisabled = "storage_bucket_transformations_disabled", 403, "Storage bucket transformations disabled.";
    TokenNotFound = "token_not_found", 404, "Token with the requested ID could not be found.";
    TokenExpired = "token_expired", 401, "Token expired.";
    TokenResourceTypeInvalid = "token_resource_type_invalid", 400, "Token resource type invalid.";
    InstallationNotFound = "installation_not_found", 404, "Installation with the requested ID could not be found.";
    ProviderRepositoryNotFound = "provider_repository_not_found", 404, "Provider repository with the requested ID could not be found.";
    RepositoryNotFound = "repository_not_found", 404, "Repository with the requested ID could not be found.";
    ProviderContributionConflict = "provider_contribution_conflict", 409, "Provider contribution conflict.";
    GeneralProviderFailure = "general_provider_failure", 400, "General provider failure.";
    FunctionNotFound = "function_not_found", 404, "Function with the requested ID could not be found.";
    FunctionRuntimeUnsupported = "function_runtime_unsupported", 404, "Function runtime unsupported.";
    FunctionAlreadyExists = "function_already_exists", 409, "Function with the requested ID already exists.";
    FunctionEntrypointMissing = "function_entrypoint_missing", 404, "Function entrypoint missing.";
    FunctionSynchronousTimeout = "function_synchronous_timeout", 408, "Function synchronous timeout.";
    FunctionAsynchronousTimeout = "function_asynchronous_timeout", 408, "Function asynchronous timeout.";
    FunctionTemplateNotFound = "function_template_not_found", 404, "Function template with the requested ID could not be found.";
    FunctionRuntimeNotDetected = "function_runtime_not_detected", 400, "Function runtime not detected.";
    FunctionExecutePermissionMissing = "function_execute_permission_missing", 401, "Function execute permission missing.";
    SiteNotFound = "site_not_found", 404, "Site with the requested ID could not be found.";
    SiteAlreadyExists = "site_already_exists", 409, "Site with the requested ID already exists.";
    SiteTemplateNotFound = "site_template_not_found", 404, "Site template with the requested ID could not be found.";
    BuildNotFound = "build_not_found", 404, "Build with the requested ID could not be found.";
    BuildNotReady = "build_not_ready", 400, "Build not ready.";
    BuildInProgress = "build_in_progress", 400, "Build in progress.";
    BuildAlreadyCompleted = "build_already_completed", 400, "Build already completed.";
    BuildCanceled = "build_canceled", 400, "Build canceled.";
    BuildFailed = "build_failed", 400, "Build failed.";
    BuildTimeout = "build_timeout", 408, "Build timeout.";
    DeploymentNotFound = "deployment_not_found", 404, "Deployment with the requested ID could not be found.";
    DeploymentInvalidFileSize = "deployment_invalid_file_size", 400, "Deployment invalid file size.";
    ExecutionNotFound = "execution_not_found", 404, "Execution with the requested ID could not be found.";
    ExecutionInProgress = "execution_in_progress", 400, "Execution in progress.";
    LogNotFound = "log_not_found", 404, "Log with the requested ID could not be found.";
    PresenceNotFound = "presence_not_found", 404, "Presence with the requested ID could not be found.";
    PresenceAlreadyExists = "presence_already_exists", 409, "Presence with the requested ID already exists.";
    DatabaseNotFound = "database_not_found", 404, "Database with the requested ID could not be found.";
    DatabaseAlreadyExists = "database_already_exists", 409, "Database with the requested ID already exists. Try again with a different ID or use ID.unique() to generate a unique ID.";
    DatabaseTimeout = "database_timeout", 408, "Database timed out. Try adjusting your queries or adding an index.";
    DatabaseQueryOrderNull = "database_query_order_null", 400, "The order attribute had a null value. Cursor pagination requires all documents order attribute values are non-null.";
    CollectionNotFound = "collection_not_found", 404, "Collection with the requested ID could not be found.";
    CollectionAlreadyExists = "collection_already_exists", 409, "A collection with the requested ID already exists. Try again with a different ID or use ID.unique() to generate a unique ID.";
    CollectionLimitExceeded = "collection_limit_exceeded", 400, "Collection limit exceeded.";
    TableNotFound = "table_not_found", 404, "Table with the requested ID could not be found.";
    TableAlreadyExists = "table_already_exists", 409, "A table with the requested ID already exists. Try again with a different ID or use ID.unique() to generate a unique ID.";
    TableLimitExceeded = "table_limit_exceeded", 400, "Table limit exceeded.";
    DocumentNotFound = "document_not_found", 404, "Document with the requested ID could not be found.";
    DocumentInvalidStructure = "document_invalid_structure", 400, "The document structure is invalid. Please ensure the attributes match the collection definition.";
    DocumentMissingData = "document_missing_data", 400, "The document data is missing. Try again with document data populated.";
    DocumentMissingPayload = "document_missing_payload", 400, "The document data and permissions are missing. You must provide either document data or permissions to be updated.";
    DocumentAlreadyExists = "document_already_exists", 409, "Document with the requested ID already exists. Try again with a different ID or use ID.unique() to generate a unique ID.";
    DocumentUniqueConstraintViolation = "document_unique_constraint_violation", 409, "Document violates a unique constraint. Another document with the same value of a unique attribute already exists.";
    DocumentUpdateConflict = "document_update_conflict", 409, "Remote document is newer than local.";
    DocumentDeleteRestricted = "document_delete_restricted", 403, "Document cannot be deleted because it is referenced by another document.";
    RowNotFound = "row_not_found", 404, "Row with the requested ID could not be found.";
    RowInvalidStructure = "row_invalid_structure", 400, "The row structure is invalid. Please ensure the columns match the table definition.";
    RowMissingData = "row_missing_data", 400, "The row data is missing. Try again with row data populated.";
    RowMissingPayload = "row_missing_payload", 400, "The row data and permissions are missing. You must provide either row data or permissions to be updated.";
    RowAlreadyExists = "row_already_exists", 409, "Row with the requested ID already exists. Try again with a different ID or use ID.unique() to generate a unique ID.";
    RowUniqueConstraintViolation = "row_unique_constraint_violation", 409, "Row violates a unique constraint. Another row with the same value of a unique column already exists.";
    RowUpdateConflict = "row_update_conflict", 409, "Remote row is newer than local.";
    RowDeleteRestricted = "row_delete_restricted", 403, "Row cannot be deleted because it is referenced by another row.";
    AttributeNotFound = "attribute_not_found", 404, "Attribute with the requested ID could not be found.";
    AttributeUnknown = "attribute_unknown", 400, "The attribute required for the index could not be found. Please confirm all your attributes are in the available state.";
    AttributeNotAvailable = "attribute_not_available", 400, "The requested attribute is not yet available. Please try again later.";
    AttributeFormatUnsupported = "attribute_format_unsupported", 400, "The requested attribute format is not supported.";
    AttributeDefaultUnsupported = "attribute_default_unsupported", 400, "Default values cannot be set for array or required attributes.";
    AttributeAlreadyExists = "attribute_already_exists", 409, "Attribute with the requested key already exists. Attribute keys must be unique, try again with a different key.";
    AttributeLimitExceeded = "attribute_limit_exceeded", 400, "The maximum number or size of attributes for this collection has been reached.";
    AttributeValueInvalid = "attribute_value_invalid", 400, "The attribute value is invalid. Please check the type, range and value of the attribute.";
    AttributeTypeInvalid = "attribute_type_invalid", 400, "The attribute type is invalid.";
    AttributeInvalidResize = "attribute_invalid_resize", 400, "Existing data is too large for new size, truncate your existing data then try again.";
    AttributeTypeNotSupported = "ATTRIBUTE_TYPE_NOT_SUPPORTED", 400, "Attribute type not supported.";
    RelationshipValueInvalid = "relationship_value_invalid", 400, "Relationship value invalid.";
    ColumnNotFound = "column_not_found", 404, "Column with the requested ID could not be found.";
    ColumnUnknown = "column_unknown", 400, "The column required for the index could not be found. Please confirm all your columns are in the available state.";
    ColumnNotAvailable = "column_not_available", 400, "The requested column is not yet available. Please try again later.";
    ColumnFormatUnsupported = "column_format_unsupported", 400, "The requested column format is not supported.";
    ColumnDefaultUnsupported = "column_default_unsupported", 400, "Default values cannot be set for array or required columns.";
    ColumnAlreadyExists = "column_already_exists", 409, "Column with the requested key already exists. Column keys must be unique, try again with a different key.";
    ColumnLimitExceeded = "column_limit_exceeded", 400, "The maximum number or size of columns for this table has been reached.";
    ColumnValueInvalid = "column_value_invalid", 400, "The column value is invalid. Please check the type, range and value of the column.";
    ColumnTypeInvalid = "column_type_invalid", 400, "The column type is invalid.";
    ColumnInvalidResize = "column_invalid_resize", 400, "Existing data is too large for new size, truncate your existing data then try again.";
    ColumnTypeNotSupported = "COLUMN_TYPE_NOT_SUPPORTED", 400, "Column type not supported.";
    IndexNotFound = "index_not_found", 404, "Index with the requested ID could not be found.";
    IndexLimitExceeded = "index_limit_exceeded", 400, "The maximum number of indexes has been reached.";
    IndexAlreadyExists = "index_already_exists", 409, "Index with the requested key already exists. Try again with a different key.";
    IndexInvalid = "index_invalid", 400, "Index invalid.";
    IndexDependency = "index_dependency", 409, "Index dependency.";
    ColumnIndexNotFound = "column_index_not_found", 404, "Index with the requested ID could not be found.";
    ColumnIndexLimitExceeded = "column_index_limit_exceeded", 400, "The maximum number of indexes has been reached.";
    ColumnIndexAlreadyExists = "column_index_already_exists", 409, "Index with the requested key already exists. Try again with a different key.";
    ColumnIndexInvalid = "column_index_invalid", 400, "Index invalid.";
    ColumnIndexDependency = "column_index_dependency", 409, "Column index dependency.";
    TransactionNotFound = "transaction_not_found", 404, "Transaction with the requested ID could not be found.";
    TransactionAlreadyExists = "transaction_already_exists", 409, "Transaction with the requested ID already exists.";
    TransactionInvalid = "transaction_invalid", 400, "Transaction invalid.";
    TransactionFailed = "transaction_failed", 400, "Transaction failed.";
    TransactionExpired = "transaction_expired", 410, "Transaction expired.";
    TransactionConflict = "transaction_conflict", 409, "Transaction conflict.";
    TransactionLimitExceeded = "transaction_limit_exceeded", 400, "Transaction limit exceeded.";
    TransactionNotReady = "transaction_not_ready", 400, "Transaction not ready.";
    ProjectNotFound = "project_not_found", 404, "Project with the requested ID could not be found. Please check the value of the X-Appwrite-Project header to ensure the correct project ID is being used.";
    ProjectAlreadyExists = "project_already_exists", 409, "Project with the requested ID already exists. Try again with a different ID or use ID.unique() to generate a unique ID.";
    ProjectProviderDisabled = "project_provider_disabled", 412, "Project provider disabled.";
    ProjectProviderUnsupported = "project_provider_unsupported", 400, "Project provider unsupported.";
    ProjectInvalidSuccessUrl = "project_invalid_success_url", 400, "Project invalid success url.";
    ProjectInvalidFailureUrl = "project_invalid_failure_url", 400, "Project invalid failure url.";
    ProjectReservedProject = "project_reserved_project", 400, "The project ID is reserved. Please choose another project ID.";
    ProjectKeyExpired = "project_key_expired", 401, "The project key has expired. Please generate a new key using the console.";
    AccountKeyExpired = "account_key_expired", 401, "Account key expired.";
    RouterHostNotFound = "router_host_not_found", 404, "Router host with the requested ID could not be found.";
    RouterDomainNotConfigured = "router_domain_not_configured", 500, "Router domain not configured.";
    RuleResourceNotFound = "rule_resource_not_found", 404, "Rule resource with the requested ID could not be found.";
    RuleNotFound = "rule_not_found", 404, "Rule with the requested ID could not be found.";
    RuleAlreadyExists = "rule_already_exists", 409, "Rule with the requested ID already exists.";
    RuleVerificationFailed = "rule_verification_failed", 400, "Rule verification failed.";
    ProjectSmtpConfigInvalid = "project_smtp_config_invalid", 400, "Project smtp config invalid.";
    ProjectTemplateDefaultDeletion = "project_template_default_deletion", 401, "Project template default deletion.";
    ProjectRegionUnsupported = "project_region_unsupported", 400, "The requested region is either inactive or unsupported. Please check the value of the regions setting.";
    WebhookNotFound = "webhook_not_found", 404, "Webhook with the requested ID could not be found.";
    QueueNotFound = "queue_not_found", 404, "There is no queue of this name.";
    JobNotFound = "job_not_found", 404, "Job with the requested ID could not be found. It may be done.";
    JobNotFailed = "job_not_failed", 409, "The job hasn't failed for good: it is still to be done, or running.";
    JobRunning = "job_running", 409, "The job is running, so it can't be discarded.";
    WebhookDeliveryNotFound = "webhook_delivery_not_found", 404, "Delivery with the requested ID could not be found.";
    WebhookAlreadyExists = "webhook_already_exists", 409, "Webhook with the requested ID already exists.";
    KeyNotFound = "key_not_found", 404, "Key with the requested ID could not be found.";
    KeyAlreadyExists = "key_already_exists", 409, "Key with the requested ID already exists.";
    KeyCreationDenied = "key_creation_denied", 403, "Key creation denied.";
    DevKeyGone = "dev_key_gone", 410, "Dev key gone.";
    PlatformNotFound = "platform_not_found", 404, "Platform with the requested ID could not be found.";
    PlatformMethodUnsupported = "platform_method_unsupported", 400, "Platform method unsupported.";
    PlatformAlreadyExists = "platform_already_exists", 409, "Platform with the requested ID already exists.";
    VariableNotFound = "variable_not_found", 404, "Variable with the requested ID could not be found.";
    VariableAlreadyExists = "variable_already_exists", 409, "Variable with the requested ID already exists.";
    VariableCannotUnsetSecret = "variable_cannot_unset_secret", 400, "Variable cannot unset secret.";
    GraphqlNoQuery = "graphql_no_query", 400, "Graphql no query.";
    GraphqlTooManyQueries = "graphql_too_many_queries", 400, "Graphql too many queries.";
    GraphqlMethodUnsupported = "graphql_method_unsupported", 405, "Graphql method unsupported.";
    MigrationNotFound = "migration_not_found", 404, "Migration with the requested ID could not be found.";
    MigrationAlreadyExists = "migration_already_exists", 409, "Migration with the requested ID already exists.";
    MigrationInProgress = "migration_in_progress", 409, "Migration in progress.";
    MigrationDatabaseTypeUnsupported = "migration_database_type_unsupported", 400, "Migration database type unsupported.";
    MigrationSourceProjectIdRequired = "migration_source_project_id_required", 400, "Migration source project id required.";
    MigrationSourceProjectNotFound = "migration_source_project_not_found", 404, "Migration source project with the requested ID could not be found.";
    MigrationSourceTypeInvalid = "migration_source_type_invalid", 400, "Migration source type invalid.";
    MigrationDestinationTypeInvalid = "migration_destination_type_invalid", 400, "Migration destination type invalid.";
    RealtimeMessageFormatInvalid = "realtime_message_format_invalid", 1003, "Realtime message format invalid.";
    RealtimePolicyViolation = "realtime_policy_violation", 1008, "Realtime policy violation.";
    RealtimeTooManyMessages = "realtime_too_many_messages", 1013, "Realtime too many messages.";
    MigrationProviderError = "migration_provider_error", 400, "Migration provider error.";
    HealthQueueSizeExceeded = "health_queue_size_exceeded", 503, "Health queue size exceeded.";
    HealthCertificateExpired = "health_certificate_expired", 404, "Health certificate expired.";
    HealthInvalidHost = "health_invalid_host", 404, "Health invalid host.";
    ProviderNotFound = "provider_not_found", 404, "Provider with the requested ID could not be found.";
    ProviderAlreadyExists = "provider_already_exists", 409, "Provider with the requested ID already exists.";
    ProviderIncorrectType = "provider_incorrect_type", 400, "Provider incorrect type.";
    ProviderMissingCredentials = "provider_missing_credentials", 400, "Provider missing credentials.";
    TopicNotFound = "topic_not_found", 404, "Topic with the requested ID could not be found.";
    TopicAlreadyExists = "topic_already_exists", 409, "Topic with the requested ID already exists.";
    SubscriberNotFound = "subscriber_not_found", 404, "Subscriber with the requested ID could not be found.";
    SubscriberAlreadyExists = "subscriber_already_exists", 409, "Subscriber with the requested ID already exists.";
    MessageNotFound = "message_not_found", 404, "Message with the requested ID could not be found.";
    MessageAlreadyExists = "message_already_exists", 409, "Message with the requested ID already exists.";
    MessageMissingTarget = "message_missing_target", 400, "Message missing target.";
    MessageAlreadySent = "message_already_sent", 400, "Message already sent.";
    MessageAlreadyProcessing = "message_already_processing", 400, "Message already processing.";
    MessageAlreadyFailed = "message_already_failed", 400, "Message already failed.";
    MessageAlreadyScheduled = "message_already_scheduled", 400, "Message already scheduled.";
    MessageTargetNotEmail = "message_target_not_email", 400, "Message target not email.";
    MessageTargetNotSms = "message_target_not_sms", 400, "Message target not sms.";
    MessageTargetNotPush = "message_target_not_push", 400, "Message target not push.";
    MessageMissingSchedule = "message_missing_schedule", 400, "Message missing schedule.";
    ScheduleNotFound = "schedule_not_found", 404, "Schedule with the requested ID could not be found.";
    TargetProviderInvalidType = "target_provider_invalid_type", 400, "Target provider invalid type.";
    UserIdMissing = "user_id_missing", 403, "The user ID is missing. Send it in the X-Appwrite-User header.";
    OrganizationIdMissing = "organization_id_missing", 403, "Organization id missing.";
    ProjectIdMissing = "project_id_missing", 403, "Project id missing.";
    MockNumberAlreadyExists = "mock_number_already_exists", 409, "Mock number with the requested ID already exists.";
    MockNumberNotFound = "mock_number_not_found", 404, "Mock number with the requested ID could not be found.";
    MockNumberLimitExceeded = "mock_number_limit_exceeded", 400, "Mock number limit exceeded.";
    InsightNotFound = "insight_not_found", 404, "Insight with the requested ID could not be found.";
    InsightAlreadyExists = "insight_already_exists", 409, "Insight with the requested ID already exists.";
    ReportNotFound = "report_not_found", 404, "Report with the requested ID could not be found.";
    ReportAlreadyExists = "report_already_exists", 409, "Report with the requested ID already exists.";
}

/// A word as messages begin with it.
#[must_use]
pub fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_table_is_the_contracts() {
        #[derive(serde::Deserialize)]
        struct Contract {
            errors: BTreeMap<String, u16>,
        }
        let text = include_str!("../../../docs/contract/appwrite-1.9.6.json");
        let contract: Contract = serde_json::from_str(text).unwrap();
        let ours: BTreeMap<String, u16> = ErrorKind::ALL
            .iter()
            .filter(|kind| !ErrorKind::ADDED.contains(kind))
            .map(|kind| (kind.name().to_owned(), kind.code()))
            .collect();
        assert_eq!(ours, contract.errors);
    }

    #[test]
    fn what_an_error_is_about_is_named() {
        let text = |kind| Error::about(kind, "x").text().to_owned();
        assert_eq!(text(ErrorKind::RowNotFound), "Row with the requested ID 'x' could not be found.");
        assert_eq!(text(ErrorKind::DatabaseNotFound), "Database with the requested ID 'x' could not be found.");
        let unknown = "The column 'x' required for the index could not be found. Please confirm all your columns are in the available state.";
        assert_eq!(text(ErrorKind::ColumnUnknown), unknown);
        assert_eq!(
            text(ErrorKind::ColumnNotAvailable),
            "The requested column 'x' is not yet available. Please try again later."
        );
        assert_eq!(text(ErrorKind::IndexInvalid), ErrorKind::IndexInvalid.text());
    }

    #[test]
    fn a_bad_parameter_is_named() {
        let error = Error::invalid("name", "Value must be a valid string");
        assert_eq!(error.text(), "Invalid `name` param: Value must be a valid string");
        assert_eq!(error.parameter(), Some("name"));
        assert_eq!(Error::missing("email").text(), "Param \"email\" is not optional.");
    }
}
