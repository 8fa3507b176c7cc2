"""How gunicorn serves the application; every value may be known from outside, none needs to be set."""

import os

wsgi_app = "slipway_app:create_app()"
bind = f"0.0.0.0:{os.environ.get('PORT') or 8000}"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
# Threads, because sync workers drop running requests on SIGTERM and stall on a few half-open sockets.
worker_class = "gthread"
threads = int(os.environ.get("GUNICORN_THREADS") or 8)
# Longer than a load balancer keeps an idle connection (an ALB: 60 s), or it would meet a closed one.
keepalive = 65
timeout = 30
# Shorter than the 30 s after which ECS kills a task.
graceful_timeout = 25
# The application reads its code once, and its children share that memory; it connects only after the fork.
preload_app = True
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
control_socket_disable = True
accesslog = None
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "slipway_app.logging.JsonFormatter"}},
    "handlers": {
        "stdout": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"}
    },
    "loggers": {
        "gunicorn.error": {"handlers": ["stdout"], "level": "INFO", "propagate": False},
        "gunicorn.access": {"handlers": [], "level": "INFO", "propagate": False},
    },
    "root": {"handlers": ["stdout"], "level": "WARNING"},
}
