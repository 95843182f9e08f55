"""What receivers report about a sending domain: who sends in its name, what passes, and how mail to it is encrypted."""

from __future__ import annotations

from flask import Blueprint
from werkzeug.wrappers import Response

from posthouse.inbound.permissions import READ_INBOUND
from posthouse.inbound.reports import queries
from posthouse.platform.app import settings
from posthouse.platform.db import transaction
from posthouse.sending.domains.queries import get_domain
from posthouse.webui.edge import visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import page

blueprint = Blueprint("domain_reports", __name__)


@blueprint.get("/domains/<pid('dom'):domain_id>/reports")
@needs(READ_INBOUND)
def show(domain_id: int) -> Response:
    """Show the last thirty days of one domain."""
    scope = visit.scope()
    with transaction(scope):
        domain = get_domain(scope, domain_id)
        dmarc = queries.reports_of(scope, domain=domain.domain, kind="dmarc")
        tls = queries.reports_of(scope, domain=domain.domain, kind="tlsrpt")
    return page("domains/reports.html", domain=domain, dmarc=dmarc, tls=tls, mail_domain=settings().mail_domain, days=queries.DAYS)
