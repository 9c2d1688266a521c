"""Routes with and without a slash at the end."""

from rest_framework.routers import SimpleRouter


class OptionalSlashRouter(SimpleRouter):
    """Both spellings lead to the view at once; a redirect would lose the body of a POST."""

    def __init__(self) -> None:
        super().__init__()
        self.trailing_slash = "/?"  # the parameter of the same name takes only "/" or nothing
