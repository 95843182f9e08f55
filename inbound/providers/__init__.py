"""What mail providers report over HTTP: each reads its own form and proves its own signature; pure."""
