"""What leaves, when, by which way, and what became of it?"""

from __future__ import annotations

from posthouse.platform.jobs import Job, PeriodicJob
from posthouse.platform.manifest import Room
from posthouse.sending import permissions
from posthouse.sending.campaigns import jobs as campaign_jobs
from posthouse.sending.campaigns.services import CALL_OFF_JOB, EXPAND_JOB, WATCH_JOB
from posthouse.sending.delivery.jobs import HANDLERS, SHIFTS, TICKS
from posthouse.sending.domains import doctor
from posthouse.sending.domains import jobs as domain_jobs
from posthouse.sending.domains.services import CHECK_JOB
from posthouse.sending.mailboxes import jobs as mailbox_jobs
from posthouse.sending.messages import jobs as message_jobs
from posthouse.sending.mime import jobs as mime_jobs
from posthouse.sending.pools import jobs as pool_jobs
from posthouse.sending.pools.permissions import PERMISSIONS as POOLS
from posthouse.sending.rates import jobs as rate_jobs
from posthouse.sending.simulator.commands import COMMAND as SIMULATOR
from posthouse.sending.standing.permissions import PERMISSIONS as STANDINGS
from posthouse.sending.tracking import jobs as tracking_jobs
from posthouse.sending.tracking.services import SORT_JOB
from posthouse.sending.transactional import jobs as single_jobs
from posthouse.sending.volumes import jobs as volumes

ROOM = Room(
    name="sending",
    models=[
        "posthouse.sending.campaigns.models",
        "posthouse.sending.delivery.models",
        "posthouse.sending.domains.models",
        "posthouse.sending.mailboxes.models",
        "posthouse.sending.messages.models",
        "posthouse.sending.pools.models",
        "posthouse.sending.rates.models",
        "posthouse.sending.standing.models",
        "posthouse.sending.warmup.models",
        "posthouse.sending.volumes.models",
    ],
    permissions=[*permissions.CONTENT, *POOLS, *STANDINGS],
    jobs=[
        Job(CALL_OFF_JOB, campaign_jobs.call_off_campaign),
        Job(CHECK_JOB, domain_jobs.check_domain),
        Job(EXPAND_JOB, campaign_jobs.expand_campaign),
        Job(WATCH_JOB, campaign_jobs.watch_campaign),
        *message_jobs.JOBS,
    ],
    periodic=[
        PeriodicJob(pool_jobs.FORGET_JOB, pool_jobs.forget_paces, every_seconds=3_600),
        PeriodicJob(mailbox_jobs.LEARN_JOB, mailbox_jobs.learn_mailboxes, every_seconds=30),
        PeriodicJob(rate_jobs.FORGET_JOB, rate_jobs.forget_spent, every_seconds=3_600),
        PeriodicJob(SORT_JOB, tracking_jobs.sort_hits, every_seconds=5),
        *mime_jobs.PERIODIC,
        *single_jobs.PERIODIC,
        *volumes.PERIODIC,
    ],
    handlers=[*HANDLERS, *message_jobs.HANDLERS],
    shifts=SHIFTS,
    ticks=TICKS,
    commands=[SIMULATOR],
    checks=[doctor.CHECK],
    sealed=["route.password_sealed", "sending_domain.dkim_sealed"],
)
