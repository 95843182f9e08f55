"""The job of this noun."""

from posthouse.inbound.inspection.services import SORT_BROUGHT, sort_brought
from posthouse.platform.jobs import Job

JOBS = [Job(SORT_BROUGHT, sort_brought)]
