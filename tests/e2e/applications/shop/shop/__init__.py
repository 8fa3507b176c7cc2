"""A shop, written as people write Flask applications: it knows its framework, its database and its secret key."""

import os
import time
from collections.abc import Iterator

from flask import Flask, Response, abort, redirect, request, url_for
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from werkzeug.wrappers import Response as Answer

db = SQLAlchemy()
login_manager = LoginManager()


class User(db.Model, UserMixin):
    """Somebody who has logged in."""

    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80), unique=True, nullable=False)


class Item(db.Model):
    """Something to buy."""

    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80), nullable=False)
    photo = db.Column(db.LargeBinary)


@login_manager.user_loader
def load_user(number: str) -> User | None:
    """The user of a session."""
    return db.session.get(User, int(number))


def create_app() -> Flask:
    """The application."""
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    app.config["SESSION_COOKIE_SECURE"] = True
    db.init_app(app)
    Migrate(app, db)
    login_manager.init_app(app)

    @app.get("/")
    def index() -> dict[str, object]:
        return {"items": Item.query.count(), "user": current_user.name if current_user.is_authenticated else None}

    @app.get("/items")
    def items() -> list[dict[str, object]]:
        return [{"id": item.id, "name": item.name} for item in Item.query.order_by(Item.id)]

    @app.post("/items")
    @login_required
    def add() -> tuple[dict[str, int], int]:
        item = Item(name=request.form["name"])
        db.session.add(item)
        db.session.commit()
        return {"id": item.id}, 201

    @app.get("/items/<int:number>")
    def item(number: int) -> dict[str, object]:
        found = db.get_or_404(Item, number)
        return {"id": found.id, "name": found.name}

    @app.delete("/items/<int:number>")
    @login_required
    def remove(number: int) -> tuple[str, int]:
        db.session.delete(db.get_or_404(Item, number))
        db.session.commit()
        return "", 204

    @app.put("/items/<int:number>/photo")
    def upload(number: int) -> dict[str, int]:
        found = db.get_or_404(Item, number)
        found.photo = request.files["photo"].read()
        db.session.commit()
        return {"bytes": len(found.photo)}

    @app.get("/items/<int:number>/photo")
    def photo(number: int) -> Response:
        return Response(db.get_or_404(Item, number).photo or abort(404), mimetype="image/png")

    @app.post("/login")
    def login() -> Answer:
        user = User.query.filter_by(name=request.form["name"]).first()
        if user is None:
            user = User(name=request.form["name"])
            db.session.add(user)
            db.session.commit()
        login_user(user)
        return redirect(url_for("index", _external=True))

    @app.post("/logout")
    def logout() -> Answer:
        logout_user()
        return redirect(url_for("index", _external=True))

    @app.get("/events")
    def events() -> Response:
        def stream() -> Iterator[str]:
            while True:
                yield "data: still here\n\n"
                time.sleep(10)

        return Response(stream(), mimetype="text/event-stream")

    return app
