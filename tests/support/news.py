"""Passes news on as the scheduler does, and does the work that it asks for."""

from posthouse.platform.app import create_core
from posthouse.platform.runner import run_due
from posthouse.platform.scheduler import relay
from posthouse.platform.scope import system


def relay_news(settings):
    """Relay what waits in the outbox; nothing is done of it yet."""
    made = create_core(settings, process="scheduler")
    with made.app_context():
        relay(system("test"))
        for engine in made.extensions["sqlalchemy"].engines.values():
            engine.dispose()


def pass_on(settings):
    """Relay what waits and run the jobs that come of it, in the app that is open."""
    relay_news(settings)
    run_due()
